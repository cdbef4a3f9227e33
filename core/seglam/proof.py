"""Which templates of a procedure are proved: requests that were answered rightly show that each slot has the right name.

The code is held against replies that it never saw; a template that the compiler only foresaw has been held against nothing. Its
slots may be crossed, and then the code answers another question than was asked.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain, combinations
from random import Random
from typing import Any, Final

from seglam.errors import ConfigurationError, PatternError
from seglam.guard import Params, Pattern
from seglam.procedure import Draft, answer
from seglam.sandbox import VERIFY, Sandbox
from seglam.values import conflict

_SAME_ALWAYS: Final = 3  # requests with equal values in two slots, after which the kind of request has it so
_OVERLOOKED: Final = 2  # different words where the code sees none, before it is believed that they make no difference
_SAMPLES: Final = 8
_LEAST_SAMPLES: Final = 4  # that the code answers, before it is believed that the order of two slots does not matter

Agree = Callable[[str, str, str], bool]
"""Whether two answers to a request say the same: the request, one, the other."""


def proved(
    draft: Draft, texts: Sequence[str], sandbox: Sandbox, agree: Agree, known: Collection[str] = ()
) -> frozenset[str]:
    """The templates that requests with right answers have shown to be right.

    Args:
        draft: the procedure, whose code gives the right answer to each of the texts that it accepts.
        texts: the requests.
        sandbox: where the code is run with exchanged values.
        agree: compares two answers.
        known: templates that were proved before, with the same code; they are among the result without another trial.
    """
    distinct = list(dict.fromkeys(text.strip() for text in texts))
    seen = [(text, values) for text in distinct if (values := draft.guard.match(text)) is not None]
    shown = [
        pattern
        for pattern in draft.guard.patterns
        if pattern.template in known or _Trial(draft, pattern, sandbox, agree, seen).proved(distinct)
    ]
    told = [pattern for pattern in draft.guard.patterns if any(_told(pattern, one, distinct) for one in shown)]
    return frozenset(pattern.template for pattern in (*shown, *told))


def _told(pattern: Pattern, shown: Pattern, texts: Sequence[str]) -> bool:
    """Whether the words beside its slots say of a template what requests have shown of another: which slot is which.

    Each of two slots that could read each other's texts has a word beside it that stands on the same side of the same slot there,
    and none that stands beside the other one; and a request of the one, told in the other, states the same values.
    """
    if pattern.overlooks or pattern.slots.keys() != shown.slots.keys():
        return False
    mine, theirs = pattern.beside(), shown.beside()
    for a, b in combinations(pattern.slots, 2):
        if pattern.slots[a].type != pattern.slots[b].type and not _readable(pattern, a, b):
            continue
        own = bool(mine[a] & theirs[a]) and bool(mine[b] & theirs[b])
        if not own or mine[a] & theirs[b] or mine[b] & theirs[a]:
            return False
    read = next((values for text in texts if (values := shown.match(text)) is not None), None)
    if read is None:
        return False
    try:
        return conflict(pattern.fill(read), shown.fill(read)) is None
    except ConfigurationError:
        return False


def _readable(pattern: Pattern, one: str, other: str) -> bool:
    """Whether a slot may read what another has read."""
    first, second = pattern.slots[one], pattern.slots[other]
    rng = Random(0)  # noqa: S311 - the same samples every time
    return any(
        first.parse(second.sample(rng)) is not None or second.parse(first.sample(rng)) is not None
        for _ in range(_SAMPLES)
    )


class _Trial:
    """One template on trial.

    Args:
        seen: requests that any template of the draft reads, with their values: the code is the same for all templates.
    """

    def __init__(
        self, draft: Draft, pattern: Pattern, sandbox: Sandbox, agree: Agree, seen: Sequence[tuple[str, Params]]
    ) -> None:
        self._seen = seen
        self._draft = draft
        self._pattern = pattern
        self._sandbox = sandbox
        self._agree = agree
        self._given: dict[str, str | None] = {}
        self._made: list[tuple[str, Params]] | None = None

    def proved(self, texts: Sequence[str]) -> bool:
        read = [(text, values) for text in texts if (values := self._pattern.match(text)) is not None]
        if self._pattern.overlooks and len({self._pattern.overlooked(text) for text, _ in read}) < _OVERLOOKED:
            return False  # that the words make no difference has not been seen
        return bool(read) and all(self._apart(pair, read) for pair in combinations(self._pattern.slots, 2))

    def _apart(self, pair: tuple[str, str], read: Sequence[tuple[str, Params]]) -> bool:
        """Whether one of the requests would have been answered otherwise with the two slots exchanged."""
        equal = 0
        for text, values in read:
            exchanged = self._exchanged(pair, values)
            if exchanged is None:
                return True  # the one cannot read what the other has read
            if exchanged == values:
                equal += 1
            elif self._matters(text, values, exchanged):
                return True
        return equal >= _SAME_ALWAYS or self._never_matters(pair, read)

    def _exchanged(self, pair: tuple[str, str], values: Mapping[str, Any]) -> dict[str, Any] | None:
        one, other = pair
        slots = self._pattern.slots
        try:
            first = slots[one].parse(slots[other].format(values[other]))
            second = slots[other].parse(slots[one].format(values[one]))
        except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):
            return None
        return None if first is None or second is None else {**values, one: first, other: second}

    def _matters(self, text: str, values: Mapping[str, Any], exchanged: Mapping[str, Any]) -> bool:
        right = self._answer(text, values)
        crossed = self._answer_to(text, exchanged)
        return right is not None and (crossed is None or not self._agree(text, right, crossed))

    def _answer(self, text: str, values: Mapping[str, Any]) -> str | None:
        key = _written(values)
        if key not in self._given:
            self._given[key] = self._answer_to(text, values)
        return self._given[key]

    def _answer_to(self, text: str, values: Mapping[str, Any]) -> str | None:
        return answer(self._draft, text, self._sandbox, VERIFY, params=values).text

    def _never_matters(self, pair: tuple[str, str], read: Sequence[tuple[str, Params]]) -> bool:
        """Whether the order of the two is all one, as in a sum, or for the ends of a way: then crossing them does no harm."""
        answers = []
        if self._made is None:
            # Each set of values once: the same trial again shows no more.
            self._made = list({_written(values): (text, values) for text, values in self._samples()}.values())
        asked = {_written(values) for _, values in read}
        for text, values in chain(read, (made for made in self._made if _written(made[1]) not in asked)):
            exchanged = self._exchanged(pair, values)
            if exchanged is None or exchanged == values or (given := self._answer(text, values)) is None:
                continue
            crossed = self._answer_to(text, exchanged)
            if crossed is None:
                continue  # a refusal of what was exchanged shows nothing about order
            if not self._agree(text, given, crossed):
                return False
            answers.append(given)
        # Where all answers are one and the same, most likely "no", nothing was seen.
        return len(answers) >= _LEAST_SAMPLES and len(set(answers)) > 1

    def _samples(self) -> Iterator[tuple[str, Params]]:
        """Values to try: what was asked in any wording, values of such requests mixed, and values out of the air.

        A type says little of what the code answers to: of tokens hardly any is a version number.
        """
        slots = self._pattern.slots
        asked = [(text, values) for text, values in self._seen if values.keys() == slots.keys()]
        yield from asked
        rng = Random(0)  # noqa: S311 - the same samples every time
        for _ in range(_SAMPLES if asked else 0):
            yield asked[0][0], {name: rng.choice(asked)[1][name] for name in slots}
        for seed in range(_SAMPLES):
            try:
                text = self._pattern.sample(seed)
            except PatternError:
                return
            if (values := self._pattern.match(text)) is not None:
                yield text, values


def _written(values: Mapping[str, Any]) -> str:
    return repr(sorted(values.items()))
