"""What happens when a version goes live: of two procedures that answer the same, one is enough."""

from collections.abc import Sequence

from seglam.procedure import Case, Procedure, State, answer
from seglam.resources import Bound
from seglam.sandbox import HIT


class Merger(Bound):
    """Retires procedures that others answer for as well."""

    def went_live(self, procedure: Procedure) -> None:
        """A version answers from now on."""
        self._ledger.count("procedures.live", procedure.namespace)
        self._merge(procedure)

    def _merge(self, new: Procedure) -> None:
        """Of two live procedures that answer the same, the one whose every case the other answers too is retired."""
        for other in self._library.working((new.namespace, new.vary)):
            if other.state is not State.LIVE or other.class_id == new.class_id:
                continue
            if self._policy.bind_engine and other.engine != new.engine:
                continue
            # Where each answers all of the other's cases, the better proven one stays.
            for less, more in sorted(((other, new), (new, other)), key=lambda pair: (pair[0].agreements, -pair[0].id)):
                if self._redundant(less, more) and self._library.merge(less, more, self._clock()):
                    self._casebook.absorb(more.class_id, less.class_id)
                    self._inherit(more, less)
                    self._ledger.count("procedures.merged", new.namespace)
                    if less is new:
                        return
                    break

    def _inherit(self, more: Procedure, less: Procedure) -> None:
        """What it answers as well as the other did has proved the templates that it reads it by."""
        templates = self.proved(more.draft, (*more.examples, *less.examples), more.proven) - more.proven
        if templates:
            taken = [case for case in less.examples if case.answer and more.draft.guard.match(case.text) is not None]
            self._library.prove(more.id, taken, templates)

    def _redundant(self, less: Procedure, more: Procedure) -> bool:
        if not less.examples or any(more.draft.guard.match(case.text) is None for case in less.examples):
            return False
        group = self._casebook.group(less.class_id)
        fresh = self._library.get(less.id)  # a person may have pinned it since it was read
        if group is None or fresh is None or fresh.pinned or fresh.state is not State.LIVE:
            return False
        taken = [case for case in group.cases if case.answer and less.draft.guard.match(case.text) is not None]
        return self._answers(more, (*less.examples, *taken))

    def _answers(self, procedure: Procedure, cases: Sequence[Case]) -> bool:
        for case in cases:
            given = answer(procedure.draft, case.text, self._sandbox, HIT).text
            if given is None or not case.answer or not self.same(procedure, case.text, case.answer, given):
                return False
        return True
