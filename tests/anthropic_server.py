"""A local HTTP server that speaks enough of Anthropic's messages API to drive the real client, and counts the calls."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai_server import Provider

Blocks = list[dict[str, Any]]


@contextmanager
def serve(answer: Callable[[dict[str, Any]], str | Blocks]) -> Iterator[Provider]:
    """Serve until the block ends; ``answer`` maps the request's body to text or content blocks."""
    provider = Provider()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                provider.bodies.append(body)
            told = answer(body)
            blocks = [{"type": "text", "text": told}] if isinstance(told, str) else told
            message = _message(body, blocks)
            if body.get("stream"):
                events = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in _events(message))
                self._send("text/event-stream", events.encode())
            else:
                self._send("application/json", json.dumps(message).encode())

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
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _message(body: dict[str, Any], blocks: Blocks) -> dict[str, Any]:
    called = any(block["type"] == "tool_use" for block in blocks)
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": "tool_use" if called else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 5},
    }


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            begun, name = {"type": "text", "text": ""}, "text"
            pieces = [piece for piece in block["text"].partition(" ") if piece]
            deltas = [{"type": "text_delta", name: piece} for piece in pieces]
        else:
            begun, given = {**block, "input": {}}, json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in (given[:4], given[4:])]
        yield {"type": "content_block_start", "index": index, "content_block": begun}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}
