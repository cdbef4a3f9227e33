"""A LlamaIndex query engine whose LLM and embeddings are asked once: index, sync and streamed queries share one file.

Run it twice: the second run asks no model. It needs OPENAI_API_KEY (and OPENAI_BASE_URL, for a server of your own).
"""

import os

from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.llms.openai import OpenAI

from llamaindex_seglam import cached, cached_embeddings

llm = OpenAI(model="gpt-4o-mini", api_base=os.environ.get("OPENAI_BASE_URL"))
Settings.llm = cached(llm, "seglam.db", compiler=None)
# Yours in its place: any embedding model of LlamaIndex.
Settings.embed_model = cached_embeddings(MockEmbedding(embed_dim=8), "seglam.db")

index = VectorStoreIndex.from_documents([Document(text="Spiders have eight legs.")])
question = "How many legs has a spider?"
print(index.as_query_engine().query(question))  # asks the model
print("".join(index.as_query_engine(streaming=True).query(question).response_gen))  # the same answer, without a call

answer = Settings.llm.predict(
    index.as_query_engine().get_prompts()["response_synthesizer:text_qa_template"],
    context_str="Ants have six legs.",
    query_str=question,
)
print(answer)  # another context is another request
