"""What the semantic tier serves and refuses, against the rules of other caches, with the same vectors in the same run."""

from benchmarks.semantic.report import main

__all__ = ["main"]
