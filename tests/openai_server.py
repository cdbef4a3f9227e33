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


@contextmanager
def serve(answer: Callable[[list[dict[str, Any]]], str]) -> Iterator[Provider]:
    """Serve until the block ends; ``answer`` maps the request's messages to the reply text."""
    provider = Provider()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                provider.bodies.append(body)
            text = answer(body["messages"])
            if body.get("stream"):
                self._stream(body, text)
                return
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            self._send("application/json", json.dumps(_envelope(body, "chat.completion", choice)).encode())

        def _stream(self, body: dict[str, Any], text: str) -> None:
            deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
            deltas += [{"content": piece} for piece in text.partition(" ") if piece]
            choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
            choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
            events = [json.dumps(_envelope(body, "chat.completion.chunk", choice)) for choice in choices]
            self._send("text/event-stream", "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode())

        def _send(self, kind: str, data: bytes) -> None:
            self.send_response(200)
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
