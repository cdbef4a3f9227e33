"""Answers of models recorded once and replayed strictly, so that a suite of tests never calls a network.

A recording is a JSON Lines file, made to be read in a review and kept beside the tests: one exchange a line, keyed by the exact
key of its request, so that an answer is replayed only where everything that could change it is equal. It holds requests and
answers in clear, and no secrets: those are part of no request.
"""

import json
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from seglam.errors import ConfigurationError, ReplayError, TapeError
from seglam.exchange import Hit, Miss, Request, Response, Reuse, TierName, Usage, Why
from seglam.flights import Flights
from seglam.flow import Call, Flow, arun, call, run

logger = logging.getLogger("seglam")

VERSION: Final = 1


class Recording:
    """The exchanges of one file. Safe to share between threads; several processes may record to it.

    Args:
        path: the file; one that does not exist holds nothing yet.

    Raises:
        ConfigurationError: not a path.
        TapeError: the file cannot be read, or is damaged; names the line.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(f"path: expected the path of a recording, got {type(path).__name__}")
        self.path = Path(path)
        self._lock = threading.Lock()
        self._known = _read(self.path)

    def __len__(self) -> int:
        return len(self._known)

    def find(self, request: Request) -> Response | None:
        """What was answered to exactly this request."""
        with self._lock:
            return self._known.get(request.key)

    def keep(self, request: Request, response: Response) -> None:
        """Write an exchange down; the first answer to a request stays.

        Raises:
            TapeError: the file cannot be written.
        """
        if response.reuse is Reuse.NEVER:
            return
        line = _line(request, response)
        with self._lock:
            if request.key in self._known:
                return
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # One write of a whole line: processes that record beside this one append theirs before or after it.
                with self.path.open("ab", buffering=0) as file:
                    file.write(line)
            except OSError as error:
                raise TapeError(f"the recording {str(self.path)!r} cannot be written: {error.strerror}") from error
            self._known[request.key] = response


def _line(request: Request, response: Response) -> bytes:
    row = {
        "seglam": VERSION,
        "key": request.key,
        "namespace": request.namespace,
        "text": request.text,
        "answer": response.text,
        "payload": response.payload,
        "usage": [response.usage.input_tokens, response.usage.output_tokens],
        "reuse": str(response.reuse),
    }
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # lone surrogates have a form in ASCII only
        return f"{json.dumps(row, allow_nan=False)}\n".encode()


def _read(path: Path) -> dict[str, Response]:
    try:
        data = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise TapeError(f"the recording {str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TapeError(f"the recording {str(path)!r} is damaged: it is no UTF-8") from error
    known: dict[str, Response] = {}
    for number, line in enumerate(data.split("\n"), 1):
        if not line.strip():
            continue
        try:
            key, response = _exchange(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise TapeError(
                f"the recording {str(path)!r} is damaged in line {number}: {type(error).__name__}"
            ) from error
        known.setdefault(key, response)
    return known


def _exchange(row: dict[str, Any]) -> tuple[str, Response]:
    if row["seglam"] != VERSION:
        raise ValueError("of another version")
    given, made = row["usage"]
    if not isinstance(row["key"], str) or not isinstance(row["payload"], dict | None):
        raise TypeError("no exchange")
    return row["key"], Response(row["answer"], row["payload"], Usage(int(given), int(made)), Reuse(row["reuse"]))


class Recorder:
    """What stands in for a Cache while a recording is made or replayed: the same six calls, and no tier but the exact one.

    Args:
        recording: where answers come from.
        strict: True: a request that is not in it raises, and its model is never called. False: the model is asked, once, and
            its answer written down, so that the run which records sees what every replay will see.
    """

    def __init__(self, recording: Recording, *, strict: bool) -> None:
        self.recording = recording
        self.strict = strict
        self._flights: Flights[Response] = Flights()

    def refuse(self, what: str) -> None:
        """Say that something cannot be replayed.

        Raises:
            ReplayError: always, where the recording is replayed.
        """
        if self.strict:
            raise ReplayError(
                f"the recording {str(self.recording.path)!r} ({len(self.recording)} exchanges) holds no answer to {what}"
            )

    def lookup(self, request: Request) -> Hit | Miss:
        """The recorded answer.

        Raises:
            ReplayError: there is none, and the recording is replayed.
        """
        response = self.recording.find(request)
        if response is not None:
            return Hit(response, TierName.EXACT, "recording", request=request)
        self.refuse(f"{request.text[:80]!r} (key {request.key[:12]})")
        return Miss(Why.ABSENT, "not recorded yet")

    async def alookup(self, request: Request) -> Hit | Miss:
        """``lookup``, which does not wait for anything."""
        return self.lookup(request)

    def record(self, request: Request, response: Response) -> None:
        """Write an exchange down.

        Raises:
            TapeError: the file cannot be written.
        """
        if not self.strict:
            self.recording.keep(request, response)

    async def arecord(self, request: Request, response: Response) -> None:
        """``record`` for a running event loop."""
        await arun(call(self.record, request, response))

    def respond(
        self, request: Request, origin: Callable[[Request], Response], *, found: Miss | None = None
    ) -> Response:
        """The recorded answer, else the origin's, which is written down.

        Raises:
            ReplayError: there is none, and the recording is replayed.
            Exception: what the origin raises; nothing is written then.
        """
        return run(self._respond(request, Call(partial(origin, request)), found))

    async def arespond(
        self, request: Request, origin: Callable[[Request], Awaitable[Response]], *, found: Miss | None = None
    ) -> Response:
        """``respond`` for a running event loop and an async origin."""
        return await arun(self._respond(request, Call(None, partial(origin, request)), found))

    def _respond(self, request: Request, origin: Call, found: Miss | None) -> Flow[Response]:
        known = self.lookup(request) if found is None else found  # raises where this is a replay
        if isinstance(known, Hit):
            return known.response
        self.refuse("a call whose recorded answer cannot be read")
        return (yield from self._flights.share(request.key, partial(self._ask, request, origin)))

    def _ask(self, request: Request, origin: Call) -> Flow[Response]:
        landed = self.recording.find(request)
        if landed is not None:
            return landed
        try:
            response: Response = yield origin
        except Exception as error:
            # An error, or an answer that is cut or refused: whoever replays this will miss it.
            logger.warning("seglam: a call was not recorded: %s", type(error).__name__)
            raise
        yield from call(self.record, request, response)
        return response
