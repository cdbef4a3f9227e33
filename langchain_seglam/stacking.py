"""Who keeps an answer when several surfaces stand in front of one model: the outermost, and nobody else."""

import contextlib
import contextvars
from collections.abc import Iterator

from langchain_seglam.model import compiling

_kept: contextvars.ContextVar[bool] = contextvars.ContextVar("seglam_kept", default=False)


def elsewhere() -> bool:
    """Whether this call is none of ours: a compiler's, or one whose answer a surface further out keeps already."""
    return compiling() or _kept.get()


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """The model's own work, within which no other surface looks up or stores.

    Entered for one step at a time in a stream: a generator that is abandoned would leave the mark on its caller.
    """
    token = _kept.set(True)
    try:
        yield
    finally:
        _kept.reset(token)
