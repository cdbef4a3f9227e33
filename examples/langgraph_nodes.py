"""A LangGraph graph with a cached node: the node does not run for a conversation that it has answered.

Run it twice: the second run asks no model. It needs OPENAI_API_KEY (and OPENAI_BASE_URL, for a server of your own).
"""

from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import CachePolicy

from langchain_seglam import SeglamGraphCache, message_key
from seglam import Cache

model = ChatOpenAI(model="gpt-5-mini")


def ask(state: MessagesState) -> dict[str, list[object]]:
    """Answer the conversation."""
    print("the node runs")
    return {"messages": [model.invoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("ask", ask, cache_policy=CachePolicy(key_func=message_key, ttl=3600))
graph.add_edge(START, "ask")
graph.add_edge("ask", END)

with Cache.open("seglam.db") as cache:
    app = graph.compile(cache=SeglamGraphCache(cache))
    for _ in range(2):
        state = app.invoke({"messages": [{"role": "user", "content": "Why is the sky blue?"}]})
        print(state["messages"][-1].content)
