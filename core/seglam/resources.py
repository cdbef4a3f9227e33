"""What everything shares that works on the life of procedures."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from seglam.casebook import Casebook
from seglam.compiler import Compiler
from seglam.jury import same
from seglam.ledger import Ledger
from seglam.library import Library
from seglam.policy import Policy
from seglam.procedure import Case, Draft, Procedure
from seglam.proof import proved
from seglam.sandbox import Sandbox
from seglam.standing import Standing
from seglam.store import Store


@dataclass(frozen=True, slots=True)
class Resources:
    """What the life of procedures needs of the cache.

    Attributes:
        compiler: None: procedures that exist are compared and suspended, no new ones are made.
    """

    store: Store
    library: Library
    casebook: Casebook
    standing: Standing
    sandbox: Sandbox
    policy: Policy
    ledger: Ledger
    compiler: Compiler | None
    clock: Callable[[], float]


class Bound:
    """Whatever works with the resources of one cache."""

    def __init__(self, resources: Resources) -> None:
        self._store = resources.store
        self._library = resources.library
        self._casebook = resources.casebook
        self._standing = resources.standing
        self._sandbox = resources.sandbox
        self._policy = resources.policy
        self._ledger = resources.ledger
        self._compiler = resources.compiler
        self._clock = resources.clock

    def same(self, procedure: Procedure, text: str, expected: str, actual: str) -> bool:
        """Whether two answers to a request agree, by the policy's judge or by the value that this procedure answers with."""
        return same(self._policy.judge, procedure.draft.answer_kind, text, expected, actual)

    def proved(self, draft: Draft, cases: Sequence[Case], known: Collection[str] = ()) -> frozenset[str]:
        """The templates of a draft that cases with known answers, which it reproduces, have proved, and those ``known`` to be."""
        agree = partial(same, self._policy.judge, draft.answer_kind)
        return proved(draft, [case.text for case in cases if case.answer], self._sandbox, agree, known)
