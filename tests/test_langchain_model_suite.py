"""LangChain's own suite for chat models, over wrapped ones."""

from typing import Any, ClassVar

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_seglam import cached
from seglam import Cache


class CachedOpenAI(ChatOpenAI):
    """Makes a wrapped ChatOpenAI."""

    behind: ClassVar[Any] = None

    def __new__(cls, **fields):
        return cached(ChatOpenAI(**fields), cls.behind)


class TestChatModel(ChatModelUnitTests):
    """What holds for a provider's model holds for the wrapped one."""

    @pytest.fixture(autouse=True)
    def _behind(self):
        with Cache.open(":memory:") as cache:
            CachedOpenAI.behind = cache
            yield

    @property
    def chat_model_class(self):
        return CachedOpenAI

    @property
    def chat_model_params(self):
        return {"model": "gpt-x", "api_key": "test"}

    @property
    def init_from_env_params(self):
        return (
            {"OPENAI_API_KEY": "api_key", "OPENAI_API_BASE": "https://base.com", "OPENAI_ORG_ID": "org_id"},
            {"model": "gpt-x"},
            {"openai_api_key": "api_key", "openai_api_base": "https://base.com", "openai_organization": "org_id"},
        )
