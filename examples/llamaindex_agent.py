"""A LlamaIndex agent with a tool whose steps come out of the cache: the tool still runs, the LLM does not. Tenants share nothing.

Run it twice: the second run asks no model. It needs OPENAI_API_KEY (and OPENAI_BASE_URL, for a server of your own).
"""

import asyncio
import os

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.llms.openai import OpenAI

from llamaindex_seglam import SeglamHitEvent, cached
from seglam import tenant


class Hits(BaseEventHandler):
    """Tells of every answer that took no call."""

    def handle(self, event: object, **_: object) -> None:
        """Look at one event."""
        if isinstance(event, SeglamHitEvent):
            print(f"  from the cache: {event.tier}")


def price(item: str) -> float:
    """The price of an item."""
    print(f"  the tool runs for {item}")
    return {"lamp": 3.0, "chair": 20.0}[item]


async def main() -> None:
    """Three runs for two tenants."""
    llm = cached(OpenAI(model="gpt-4o-mini", api_base=os.environ.get("OPENAI_BASE_URL")), "seglam.db", compiler=None)
    for user in ("ada", "ada", "bob"):
        agent = FunctionAgent(tools=[price], llm=llm, system_prompt="You know prices.")
        print(user)
        with tenant(user):
            print(" ", await agent.run("What does a lamp cost?"))


get_dispatcher().add_event_handler(Hits())
asyncio.run(main())
