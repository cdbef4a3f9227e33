"""What a wrapped LLM is: the same type and state as the one inside, through Settings, copies, pickles and processes."""

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.callbacks import CallbackManager
from llama_index.core.extractors import TitleExtractor
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.llms import MockLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.types import PydanticProgramMode
from llama_index.core.workflow import JsonSerializer
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel

from llamaindex_models import EchoLLM, ScriptedLLM, calling, user
from llamaindex_seglam import as_model, cached, is_cached, unwrap
from openai_server import serve
from seglam import Cache, ConfigurationError, Model, NotACacheError, Policy, sharing

ROOT = Path(__file__).parent


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """Close what was opened by path."""
    yield
    sharing._registry.close()


MAKERS: list[Callable[[], Any]] = [
    MockLLM,
    MockFunctionCallingLLM,
    EchoLLM,
    ScriptedLLM,
    lambda: OpenAI(model="gpt-4o-mini", api_key="sk-x"),
]


@pytest.mark.parametrize("make", MAKERS)
def test_type_name_and_dictionary_are_the_inners(cache: Cache, make: Any) -> None:
    """isinstance, module, names, metadata and to_dict cannot tell the two apart; from_dict gives a plain one."""
    inner = make()
    llm = cached(inner, cache)
    assert isinstance(llm, type(inner))
    assert isinstance(llm, FunctionCallingLLM) == isinstance(inner, FunctionCallingLLM)
    assert (type(llm).__module__, type(llm).__qualname__) == (type(inner).__module__, type(inner).__qualname__)
    assert llm.class_name() == inner.class_name()
    assert llm.to_dict() == inner.to_dict()
    assert llm.metadata == inner.metadata
    assert repr(llm) == f"cached({inner!r})"
    assert type(cached(make(), cache)) is type(llm)


def test_from_dict_gives_a_plain_llm(cache: Cache) -> None:
    """A dictionary does not say which cache there was."""
    llm = cached(EchoLLM(voice="loud"), cache)
    back = type(llm).from_dict(llm.to_dict())
    assert type(back) is EchoLLM
    assert back.voice == "loud"


def test_state_is_shared_both_ways(cache: Cache) -> None:
    """What is written on the one is read on the other: fields, private attributes, helper methods."""
    inner = EchoLLM()
    llm = cached(inner, cache)
    llm.voice = "loud"
    llm.become("pirate")
    assert (inner.voice, inner._persona) == ("loud", "pirate")
    inner.system_prompt = "Be brief."
    assert llm.system_prompt == "Be brief."
    assert llm.model_fields_set == inner.model_fields_set
    before = llm.complete("q").text
    llm.become("sailor")
    assert llm.complete("q").text != before


def test_settings_keep_the_very_object(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings.llm is the wrapped object, and what Settings writes reaches the inner one."""
    monkeypatch.setattr(Settings, "_llm", None)
    inner = MockLLM()
    llm = cached(inner, cache)
    Settings.llm = llm
    assert Settings.llm is llm
    manager = CallbackManager([])
    monkeypatch.setattr(Settings, "_callback_manager", manager)
    Settings.pydantic_program_mode = PydanticProgramMode.LLM
    assert Settings.llm is llm
    assert inner.callback_manager is manager
    assert inner.pydantic_program_mode == PydanticProgramMode.LLM


def test_wrapping_twice_is_wrapping_once(cache: Cache) -> None:
    """The second cached() unwraps first; unwrap gives the original; is_cached tells."""
    inner = MockLLM()
    llm = cached(cached(inner, cache), cache)
    assert unwrap(llm) is inner
    assert unwrap(inner) is inner
    assert is_cached(llm)
    assert not is_cached(inner)
    llm.complete("q")
    llm.complete("q")
    assert cache.stats().saved_calls == 1
    assert cache.stats().sizes["entries"] == 1


class Legs(BaseModel):
    """Legs of an animal."""

    legs: int


def test_a_structured_llm_gets_the_cache_inside(cache: Cache) -> None:
    """StructuredLLM stays what it is; the LLM it holds is wrapped, and unwrapped again."""
    inner = ScriptedLLM(lambda *_: calling("Legs", {"legs": 8}))
    llm = cached(inner.as_structured_llm(Legs), cache)
    assert type(llm) is StructuredLLM
    assert is_cached(llm)
    assert unwrap(llm).llm is inner
    for _ in range(2):
        assert llm.chat([user("Legs of a spider?")]).raw == Legs(legs=8)
    assert len(inner.counter) == 1


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda llm: llm.model_copy(update={"voice": "loud"})])
def test_a_copy_is_wrapped_and_has_its_own_state(cache: Cache, copier: Any) -> None:
    """Copies keep the cache and the key of their state, and what is written on them stays on them."""
    inner = EchoLLM()
    llm = cached(inner, cache)
    answer = llm.complete("q").text
    twin = copier(llm)
    assert is_cached(twin)
    assert unwrap(twin) is not inner
    if twin.voice == "plain":
        assert twin.complete("q").text == answer
        assert len(inner.counter) == 1
    twin.voice = "quiet"
    assert inner.voice == "plain"
    assert "quiet" in twin.complete("q").text


def test_a_pickle_finds_its_cache_again(path: Path) -> None:
    """In the same process the very Cache that is open for this file; the answers are there."""
    llm = cached(EchoLLM(), path, compiler=None)
    answer = llm.complete("q").text
    back = pickle.loads(pickle.dumps(llm))
    assert is_cached(back)
    assert back._seglam_layer.cache is llm._seglam_layer.cache
    assert back.complete("q").additional_kwargs["seglam"]["tier"] == "exact"
    assert back.complete("q").text == answer


CHILD = """
import pickle, sys
llm = pickle.loads(sys.stdin.buffer.read())
print(llm.complete("q").additional_kwargs["seglam"]["tier"], type(llm).__name__)
"""


def test_a_pickle_finds_its_cache_in_another_process(path: Path) -> None:
    """What this process learnt, a worker answers."""
    llm = cached(EchoLLM(), path, compiler=None)
    llm.complete("q")
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=pickle.dumps(llm),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout.decode().split() == ["exact", "EchoLLM"]


def test_a_holder_of_a_wrapped_llm_keeps_it_through_a_pickle(path: Path) -> None:
    """LlamaIndex drops what does not pickle and puts a default LLM in its place; ours pickles."""
    extractor = TitleExtractor(llm=cached(ScriptedLLM(), path, compiler=None))
    assert is_cached(pickle.loads(pickle.dumps(extractor)).llm)


@pytest.mark.parametrize("how", ["open", "memory", "lambda"])
def test_what_cannot_be_opened_again_pickles_as_the_plain_llm(
    cache: Cache, path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """An open cache, one in memory, or an argument that does not pickle: a working LLM without a cache, and a warning."""
    llm: Any = {
        "open": lambda: cached(EchoLLM(voice="loud"), cache),
        "memory": lambda: cached(EchoLLM(voice="loud"), ":memory:", compiler=None),
        "lambda": lambda: cached(EchoLLM(voice="loud"), path, compiler=None, tenant=lambda: "t"),
    }[how]()
    back = pickle.loads(pickle.dumps(llm))
    assert type(back) is EchoLLM
    assert back.voice == "loud"
    assert "without its cache" in caplog.text


def test_one_cache_per_file_and_options(path: Path) -> None:
    """Two wrappers of one file share a Cache; other options, or another compiler, open another one on it."""
    one, two = cached(EchoLLM(), path), cached(EchoLLM(), str(path))
    assert one._seglam_layer.cache is two._seglam_layer.cache
    for options in (
        {"policy": Policy(threshold=0.5)},
        {"compiler": None},
        {"compiler": print},
        {"compiler": MockLLM()},
    ):
        assert cached(EchoLLM(), path, **options)._seglam_layer.cache is not one._seglam_layer.cache
    assert cached(EchoLLM(), path, policy=Policy())._seglam_layer.cache is not None


def test_the_compiler_never_goes_through_the_cache(cache: Cache) -> None:
    """as_model gives the core's Model over the original LLM, with its name and usage."""
    for inner, usage in (
        (EchoLLM(), (7, 3)),
        (ScriptedLLM(raw={"usage": {"input_tokens": 2, "output_tokens": 1}}), (2, 1)),
    ):
        model = as_model(cached(inner, cache))
        assert isinstance(model, Model)
        assert model.name == inner.metadata.model_name
        reply = model.complete("Write code.")
        assert "Write code." in reply.text
        assert (reply.usage.input_tokens, reply.usage.output_tokens) == usage
    assert cache.stats().requests == 0
    assert as_model(MockLLM()).name == "MockLLM"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"llm": "gpt-4"}, "llm"),
        ({"cache": 7}, "cache"),
        ({"cache": b"x.db"}, "cache"),
        ({"compiler": "gpt-4"}, "compiler"),
        ({"compiler": 7}, "compiler"),
        ({"policy": {}}, "policy"),
        ({"namespace": None}, "namespace"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": 7}, "tenant"),
    ],
)
def test_a_wrong_argument_is_named(path: Path, options: dict[str, Any], name: str) -> None:
    """ConfigurationError at construction, with the argument's name."""
    given = {"llm": MockLLM(), "cache": path, **options}
    with pytest.raises(ConfigurationError, match=name):
        cached(given.pop("llm"), given.pop("cache"), **given)


@pytest.mark.parametrize("option", [{"compiler": print}, {"embedder": print}, {"policy": Policy()}])
def test_an_open_cache_takes_no_options(cache: Cache, option: dict[str, Any]) -> None:
    """What the cache was opened with cannot be changed from here; silence would be a lie."""
    with pytest.raises(ConfigurationError, match=next(iter(option))):
        cached(MockLLM(), cache, **option)


def test_a_file_that_is_no_cache_is_refused_at_once(path: Path) -> None:
    """Not at the first request, and the file is left as it was."""
    path.write_text("shopping list")
    with pytest.raises(NotACacheError):
        cached(MockLLM(), path)
    assert path.read_text() == "shopping list"


def test_tenants_and_namespaces_are_kept_apart(cache: Cache) -> None:
    """Nothing crosses them; the same tenant shares."""
    inner = ScriptedLLM()
    current = ["acme"]
    llm = cached(inner, cache, tenant=lambda: current[0])
    llm.chat([user("q")])
    current[0] = "globex"
    llm.chat([user("q")])
    cached(inner, cache, tenant="acme").chat([user("q")])
    cached(inner, cache, namespace="other", tenant="acme").chat([user("q")])
    assert len(inner.counter) == 3


def test_hashes_and_workflow_contexts_see_the_inner_llm(cache: Cache) -> None:
    """Ingestion caches stay valid, and a stored workflow context comes back with a plain, working LLM."""
    inner = MockLLM(max_tokens=3)
    llm = cached(inner, cache)
    assert get_transformation_hash([], TitleExtractor(llm=llm)) == get_transformation_hash(
        [], TitleExtractor(llm=inner)
    )
    serializer = JsonSerializer()
    back = serializer.deserialize(serializer.serialize(llm))
    assert type(back) is MockLLM


def test_no_secret_reaches_the_file(path: Path) -> None:
    """API key and headers of an OpenAI LLM stand nowhere in the database, while its answers do."""
    with serve(lambda messages: "a spider has eight legs") as provider:
        secret = "sk-very-secret-4711"
        inner = OpenAI(
            model="gpt-4o-mini",
            api_key=secret,
            api_base=provider.url,
            default_headers={"x-token": "token-4712"},
            max_retries=0,
        )
        llm = cached(inner, path, policy=Policy(on_fault="raise"))
        for _ in range(2):
            assert llm.chat([user("How many legs?")]).message.content == "a spider has eight legs"
            assert (
                "".join(c.delta or "" for c in llm.stream_chat([user("How many feet?")])) == "a spider has eight legs"
            )
        llm._seglam_layer.cache.drain()
        assert provider.calls >= 2
    sharing._registry.close()
    data = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())
    assert b"eight legs" in data
    assert secret.encode() not in data
    assert b"token-4712" not in data
