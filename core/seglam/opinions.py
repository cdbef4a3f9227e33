"""Asking an object of the user's: what fails in it is a no, and is told once."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

logger = logging.getLogger("seglam")

T = TypeVar("T")

_faults: set[tuple[str, str, type]] = set()


def told(role: str, who: object, ask: Callable[[], T], otherwise: str, *, failed: T) -> T:
    """What somebody says; ``failed`` where asking raises, which is logged once for each cause.

    Args:
        role: as what the object was asked, for the log.
        who: the object.
        ask: asks it, and raises for an answer of a wrong type.
        otherwise: what becomes of such answers, for the log.
        failed: what stands for them.
    """
    try:
        return ask()
    except Exception as error:
        name = str(getattr(who, "__name__", type(who).__name__))
        cause = (role, name, type(error))
        if cause not in _faults:
            _faults.add(cause)
            # The message may quote what was asked: only its class is logged.
            logger.warning("seglam: the %s %s failed with %s; %s", role, name, type(error).__name__, otherwise)
        return failed


def opinion(role: str, who: object, ask: Callable[[], Any], otherwise: str) -> bool:
    """``told`` for a yes or no: anything but True is False, and anything else than the two is logged."""

    def answer() -> bool:
        said = ask()
        if not isinstance(said, bool):
            raise TypeError(f"expected True or False, got {type(said).__name__}")
        return said

    return told(role, who, answer, otherwise, failed=False)
