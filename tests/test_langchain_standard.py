"""LangChain's own suites for caches."""

import pytest
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from conftest import HashEmbedder
from langchain_seglam import SeglamCache


class TestSync(SyncCacheTestSuite):
    """The synchronous half of the contract."""

    @pytest.fixture
    def cache(self):
        with SeglamCache(":memory:", embedder=HashEmbedder()) as cache:
            yield cache
            assert cache.faults == {}
            assert cache.cache.check() == []


class TestAsync(AsyncCacheTestSuite):
    """The asynchronous half of the contract."""

    @pytest.fixture
    async def cache(self):
        with SeglamCache(":memory:", embedder=HashEmbedder()) as cache:
            yield cache
            assert cache.faults == {}
            assert cache.cache.check() == []
