"""A local HTTP server that speaks enough of OpenAI's chat completions to drive the real clients, and counts the calls."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Provider:
    """What the server was asked, and where it is."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """HTTP calls so far."""
        return len(self.bodies)


@dataclass(frozen=True)
class Said:
    """A reply that is more than text that ended well.

    Attributes:
        text: the content.
        calls: tool calls as the API writes them.
        reason: why it ended; "" for a stream whose connection just ends.
    """

    text: str | None
    calls: tuple[dict[str, Any], ...] = ()
    reason: str = "stop"


def calling(name: str, arguments: dict[str, Any], number: int = 1) -> Said:
    """A reply that calls a tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return Said(None, ({"id": f"call_{number:024d}", "type": "function", "function": function},), "tool_calls")


@contextmanager
def serve(answer: Callable[[list[dict[str, Any]]], str | Said]) -> Iterator[Provider]:
    """Serve until the block ends; ``answer`` maps the request's messages to the reply."""
    provider = Provider()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                provider.bodies.append(body)
            if self.path.endswith("/completions") and "prompt" in body:
                self._complete(body)
                return
            if not self.path.endswith("/chat/completions"):
                self._send("application/json", b'{"error": {"message": "no such endpoint"}}', 404)
                return
            told = answer(body["messages"])
            said = Said(told) if isinstance(told, str) else told
            if body.get("stream"):
                self._stream(body, said)
                return
            message = {"role": "assistant", "content": said.text, **({"tool_calls": said.calls} if said.calls else {})}
            choice = {"index": 0, "finish_reason": said.reason, "message": message}
            self._send("application/json", json.dumps(_envelope(body, "chat.completion", choice)).encode())

        def _stream(self, body: dict[str, Any], said: Said) -> None:
            self._send("text/event-stream", "".join(f"data: {event}\n\n" for event in _events(body, said)).encode())

        def _complete(self, body: dict[str, Any]) -> None:
            told = _completion(body, lambda prompt: answer([{"role": "user", "content": prompt}]))
            self._send("application/json", json.dumps(told).encode())

        def _send(self, kind: str, data: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _envelope(body: dict[str, Any], kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    envelope = {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1_790_000_000,
        "model": body["model"],
        "choices": [choice],
    }
    return envelope if kind.endswith("chunk") else {**envelope, "usage": usage}


def _events(body: dict[str, Any], said: Said) -> Iterator[str]:
    """A reply in chunks, as a stream sends them."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in (said.text or "").partition(" ") if piece]
    for place, call in enumerate(said.calls):
        function = call["function"]
        begun = {**call, "index": place, "function": {"name": function["name"], "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        for piece in (function["arguments"][:5], function["arguments"][5:]):
            deltas.append({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    if said.reason:
        choices.append({"index": 0, "delta": {}, "finish_reason": said.reason})
    for choice in choices:
        yield json.dumps(_envelope(body, "chat.completion.chunk", choice))
    if said.reason:
        yield "[DONE]"


def _completion(body: dict[str, Any], answer: Callable[[str], Any]) -> dict[str, Any]:
    """A reply to prompts of the older interface."""
    prompts = [body["prompt"]] if isinstance(body["prompt"], str) else body["prompt"]
    choices = [
        {"index": place, "text": answer(prompt), "finish_reason": "stop", "logprobs": None}
        for place, prompt in enumerate(prompts)
    ]
    return {**_envelope(body, "text_completion", {}), "choices": choices}
