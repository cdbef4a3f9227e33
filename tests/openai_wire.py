"""OpenAI's chat completions behind httpx, so that the real clients run to the byte and no socket is opened."""

import json
from collections.abc import Callable
from typing import Any

import httpx

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Wire(httpx.MockTransport):
    """Answers requests with the message that ``answer`` makes of their body, and keeps the bodies."""

    def __init__(self, answer: Answer) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._answer = answer
        super().__init__(self._reply)

    @property
    def calls(self) -> int:
        """HTTP calls so far."""
        return len(self.bodies)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        message = {"role": "assistant", "content": None, **self._answer(body)}
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        envelope = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": body["model"]}
        if not body.get("stream"):
            choice = {"index": 0, "finish_reason": reason, "message": message}
            usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
            return httpx.Response(
                200, json={**envelope, "object": "chat.completion", "choices": [choice], "usage": usage}
            )
        calls = [{**call, "index": n} for n, call in enumerate(message.pop("tool_calls", []))]
        delta = {**message, "tool_calls": calls} if calls else message
        choices = [
            {"index": 0, "delta": delta, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": reason},
        ]
        events = [
            json.dumps({**envelope, "object": "chat.completion.chunk", "choices": [choice]}) for choice in choices
        ]
        text = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


def tool_call(name: str, arguments: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A call as OpenAI writes it."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": f"call_{number:024d}", "type": "function", "function": function}
