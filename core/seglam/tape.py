"""A tape: replies of a real model, recorded once, replayed strictly. For demonstrations, tests and benchmarks without a network.

A tape is a JSON Lines file, compressed where its name ends in ``.gz``. Its first line is the header (how it was made); every
other line is one exchange, keyed by the SHA-256 of the exact prompt. Replay never invents: a prompt that is not on the tape is
an error, and is written to a pending file so that it can be recorded.
"""

import gzip
import hashlib
import json
import os
import threading
import zlib
from pathlib import Path
from typing import Any, Final

from seglam.errors import TapeError
from seglam.exchange import Usage
from seglam.llm import Completion

TAPE_VERSION: Final = 1


def prompt_digest(prompt: str) -> str:
    """The key of a prompt: 64 hex digits."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


class Tape:
    """A Model that replays a recording.

    Args:
        path: the JSON Lines file, or a gzip of one (``.gz``).
        pending: where prompts without a reply are written, one JSON object a line; None: nowhere.

    Raises:
        TapeError: the file is missing or damaged, or (from ``complete``) the prompt was never recorded.
    """

    def __init__(self, path: str | os.PathLike[str], *, pending: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path)
        self.pending = None if pending is None else Path(pending)
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self.calls = 0
        self.header, self._replies = _read(self.path)
        self.name = str(self.header.get("model", "recorded model"))

    def __len__(self) -> int:
        return len(self._replies)

    def holds(self, prompt: str) -> bool:
        """Whether exactly this prompt was recorded; asking does not make it pending."""
        return prompt_digest(prompt) in self._replies

    def complete(self, prompt: str) -> Completion:
        """The recorded reply to exactly this prompt."""
        key = prompt_digest(prompt)
        with self._lock:
            self.calls += 1
            row = self._replies.get(key)
            if row is None:
                self._ask(key, prompt)
        if row is None:
            raise TapeError(f"{self.path.name} holds no reply to the prompt {key[:12]} ({prompt[:60]!r}...)")
        return Completion(row["reply"], Usage(row["input_tokens"], row["output_tokens"]))

    def _ask(self, key: str, prompt: str) -> None:
        if self.pending is not None and key not in self._asked:
            self._asked.add(key)
            with self.pending.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"digest": key, "prompt": prompt}, ensure_ascii=False) + "\n")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TapeError(f"the tape {str(path)!r} cannot be read: {error.strerror}") from error
    try:
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        header = rows[0]
        if header.get("tape") != TAPE_VERSION:
            raise TapeError(f"{str(path)!r} is no tape of version {TAPE_VERSION}")
        replies = {}
        for row in rows[1:]:
            if prompt_digest(row["prompt"]) != row["digest"]:
                raise TapeError(f"{str(path)!r} is damaged: the prompt of {row['digest'][:12]} was changed")
            replies[row["digest"]] = {name: row[name] for name in ("reply", "input_tokens", "output_tokens")}
    except (ValueError, KeyError, IndexError, AttributeError, OSError, EOFError, zlib.error) as error:
        raise TapeError(f"the tape {str(path)!r} is damaged: {type(error).__name__}: {error}") from error
    return header, replies
