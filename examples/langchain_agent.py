"""An agent of create_agent with tools, structured output and tenants, behind SeglamMiddleware.

Run it twice: the second run asks no model, but runs its tools. It needs OPENAI_API_KEY (and OPENAI_BASE_URL, for a server of
your own).
"""

from dataclasses import dataclass

from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from langchain_seglam import SeglamMiddleware


@dataclass
class Context:
    """Who asks."""

    user: str


class Bill(BaseModel):
    """What somebody has to pay."""

    total: float


@tool
def price(item: str) -> float:
    """The price of an item."""
    return {"lamp": 3.0, "chair": 20.0}[item]


middleware = SeglamMiddleware("seglam.db", namespace="agent", tenant=lambda context: context.user)
agent = create_agent(
    ChatOpenAI(model="gpt-5-mini"),
    [price],
    response_format=ToolStrategy(Bill),
    middleware=[middleware],
    context_schema=Context,
)
for user in ("ada", "ada", "bob"):
    state = {"messages": [{"role": "user", "content": "What does a lamp cost?"}]}
    result = agent.invoke(state, context=Context(user))
    steps = [m.response_metadata.get("seglam", {}).get("tier", "model") for m in result["messages"] if m.type == "ai"]
    print(user, result["structured_response"], steps)
