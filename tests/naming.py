"""Names of parametrised tests that are the same in every process: two that run side by side must collect the same ones."""

import re


def named(value):
    """The text of a value, without the addresses of objects in it, and of a set in order."""
    told = sorted(value, key=str) if isinstance(value, set | frozenset) else value
    return re.sub(r" at 0x[0-9a-f]+", "", str(told))
