"""Yes or no from an object of the user's: what fails in it is a no, and is told once."""

import logging
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("seglam")

_faults: set[tuple[str, type, type]] = set()


def opinion(role: str, who: object, ask: Callable[[], Any], otherwise: str) -> bool:
    """What somebody says; False where asking raises or gives anything but True or False, which is logged once for each cause.

    Args:
        role: as what the object was asked, for the log.
        who: the object.
        ask: asks it.
        otherwise: what becomes of such answers, for the log.
    """
    try:
        said = ask()
        if not isinstance(said, bool):
            raise TypeError(f"expected True or False, got {type(said).__name__}")  # noqa: TRY301 - one way out for all faults
    except Exception as error:
        cause = (role, type(who), type(error))
        if cause not in _faults:
            _faults.add(cause)
            # The message may quote what was asked: only its class is logged.
            logger.warning(
                "seglam: the %s %s failed with %s; %s", role, type(who).__name__, type(error).__name__, otherwise
            )
        return False
    return said
