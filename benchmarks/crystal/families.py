"""The 22 development families of reasoning-gym as classes, scored by its own scorers.

Only these families may be used here: the package's other families are kept for acceptance.
"""

import importlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any

from benchmarks.crystal.items import Item

FAMILIES = (
    "base_conversion",
    "binary_alternation",
    "caesar_cipher",
    "chain_sum",
    "complex_arithmetic",
    "count_primes",
    "decimal_arithmetic",
    "dice",
    "gcd",
    "largest_island",
    "leg_counting",
    "maze",
    "number_format",
    "power_function",
    "products",
    "rotate_matrix",
    "simple_equations",
    "spell_backward",
    "string_insertion",
    "string_splitting",
    "time_intervals",
    "word_sorting",
)

# The default has 216 requests in all, fewer than a year asks for.
SETTINGS: dict[str, dict[str, int]] = {"string_splitting": {"max_initial_machines": 20}}
# reasoning-gym seeds request i with seed + i, so neighbouring seeds would share their requests.
APART = 1_000_003
_BRACKETED = re.compile(r"(\d{4}-\d\d-\d\d) \(\w+\) (\d\d:\d\d:\d\d) ([+-]\d{4})")


def sequence(klass: str, seed: int) -> Iterator[Item]:
    """The distinct requests of a family, in reasoning-gym's order.

    Raises:
        KeyError: Not a development family.
    """
    if klass not in FAMILIES:
        raise KeyError(klass)
    seen: set[str] = set()
    data = _dataset(klass, seed)
    for place in count():
        try:
            entry = data[place]
        except RuntimeError:  # a maze that it could not finish
            continue
        text = entry["question"].strip()
        if text not in seen:
            seen.add(text)
            yield Item(text, _answer(klass, entry), klass, 0, len(seen) - 1, "family")


def score(item: Item, reply: str) -> float:
    """reasoning-gym's score of a reply, 0 to 1; 1.0 is right."""
    answer = item.answer
    if item.klass == "string_insertion":  # its scorer evaluates replies as Python
        return float(reply == answer)
    data = _dataset(item.klass, 0)
    return float(data.score_answer(reply, {"answer": answer, "metadata": _metadata(item.klass, data, answer)}))


@cache
def _dataset(klass: str, seed: int) -> Any:
    gym = importlib.import_module("reasoning_gym")
    return gym.create_dataset(klass, size=APART, seed=seed * APART, **SETTINGS.get(klass, {}))


def _answer(klass: str, entry: Any) -> str:
    """The answer as the request demands it: reasoning-gym keeps all digits of a power, of which three are asked for."""
    answer = str(entry["answer"])
    if klass == "power_function":
        return f"{Decimal(answer):.2e}"
    if klass == "time_intervals":
        return _interval(entry["question"], entry["metadata"], answer)
    return answer


def _interval(question: str, metadata: dict[str, Any], answer: str) -> str:
    """An interval between the two moments of the request, where reasoning-gym's own is of other ones.

    It cuts the milliseconds of a binary fraction (int(0.388 % 1 * 1000) is 387), which leaves two in five answers with
    milliseconds one short; and it forgets the time of day behind a weekday in brackets.
    """
    if "." in answer:
        first, last = (datetime.fromisoformat(metadata[name]) for name in ("start_time", "end_time"))
        seconds, rest = divmod((last - first) // timedelta(milliseconds=1), 1000)
        return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}.{rest:03d}"
    moments = [datetime.strptime(" ".join(found), "%Y-%m-%d %H:%M:%S %z") for found in _BRACKETED.findall(question)]
    if not moments:
        return answer
    first, last = moments
    time = str(timedelta(seconds=(last - first).seconds)).zfill(len("HH:MM:SS"))
    return f"{(last - first).days} days, {time if metadata['expected_format'].endswith('SS') else time[:-3]}"


def _metadata(klass: str, data: Any, answer: str) -> dict[str, Any]:
    """What the scorers read beside the answer, rebuilt from it, so that an item alone is enough to score."""
    if klass == "complex_arithmetic":
        number = data.parse_string_to_complex(answer)
        return {"result": (number.real, number.imag)}
    if klass == "number_format":
        return {"solution": float(answer)}
    if klass == "word_sorting":
        return {"sorted_words": answer.split(", ")}
    if klass == "time_intervals":
        days = "days" in answer
        return {"task_type": ("datetime" if ":" in answer else "date") if days else "time"}
    return {}
