"""A LangChain chain whose model is asked once: invoke, stream and batch share what is known.

Run it twice: the second run asks no model. It needs OPENAI_API_KEY (and OPENAI_BASE_URL, for a server of your own).
"""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

from langchain_seglam import cached

model = cached(ChatOpenAI(model="gpt-5-mini"), "seglam.db", namespace="chain")
chain = ChatPromptTemplate([("system", "Answer in one sentence."), ("user", "{question}")]) | model | StrOutputParser()

question = "Why is the sky blue?"
print("".join(chain.stream({"question": question})))  # asks the model, and keeps the stream
print(chain.invoke({"question": question}))  # the same answer, without a call
print(len(set(chain.batch([{"question": "Why is grass green?"}] * 3))), "answer to three equal requests")

message = model.invoke([("system", "Answer in one sentence."), ("user", question)])
print("from:", message.response_metadata["seglam"]["tier"], "tokens:", message.usage_metadata["total_tokens"])
