"""The one door: Cache. Everything else in the core is behind it."""

import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from seglam import traffic
from seglam.authoring import Author
from seglam.background import Background
from seglam.casebook import Casebook
from seglam.compiler import Compiler
from seglam.contrast import Sense
from seglam.curator import Curator
from seglam.embed import Checked, Memo, as_embedder, batched
from seglam.errors import ConfigurationError, OnlyIfCachedError
from seglam.exact import ExactTier
from seglam.exchange import Hit, Miss, Request, Response, Reuse, TierName, Usage, Why
from seglam.faults import Faults
from seglam.flights import Flights
from seglam.flow import Call, Flow, arun, call, run
from seglam.judgements import READING, Judgements
from seglam.labels import Labels
from seglam.learning import Learner
from seglam.ledger import Ledger, Stats
from seglam.library import Library
from seglam.llm import as_model
from seglam.matching import Match
from seglam.pairs import Pairs
from seglam.policy import Policy
from seglam.procedural import ProceduralTier
from seglam.procedure import Procedure
from seglam.readers import Generation
from seglam.recognition import Imported, Recognizer
from seglam.reembedding import BATCH, Reembedding
from seglam.resources import Resources
from seglam.revalidation import Revalidation
from seglam.sandbox import MontySandbox, Sandbox
from seglam.semantic import SemanticTier
from seglam.standing import Standing
from seglam.store import Store
from seglam.thresholds import Fixed
from seglam.wordbook import Wordbook

logger = logging.getLogger("seglam")

Listener = Callable[[Request, Hit | Miss], None]


class Cache:
    """A reasoning cache on one file. Open it with ``Cache.open``; share it between threads and tasks; close it at the end.

    Every method that an application calls on the request path answers or misses; it raises only for wrong arguments, for
    what the origin raises, and for ``only_if_cached``.
    """

    def __init__(
        self,
        store: Store,
        *,
        policy: Policy,
        compiler: Any = None,
        embedder: Any = None,
        sandbox: Sandbox | None = None,
        executor: Executor | None = None,
        clock: Callable[[], float] = time.time,
        listener: Listener | None = None,
    ) -> None:
        self.policy = policy
        self._store = store
        self._clock = clock
        self._listener = listener
        self._own_sandbox = sandbox is None
        self._sandbox: Sandbox = MontySandbox() if sandbox is None else sandbox
        self._executor = executor
        self._embedder = as_embedder(embedder)
        self._model = None if compiler is None else as_model(compiler)
        self._closed = False
        self._assemble()
        _opened.add(self)

    def _assemble(self) -> None:
        """Everything but the file: made again in a forked child, where inherited locks may be held by threads it lacks."""
        policy, clock = self.policy, self._clock
        self._background = Background(self._executor, partial(self.fault, "background"))
        # Flushes have a thread of their own: a model that takes its time to compile must not keep counters from the disk.
        self._writer = Background(self._executor, partial(self.fault, "flush"))
        self._flights: Flights[Response] = Flights()
        self._library = Library(self._store)
        self._revalidation = Revalidation(self._background, clock)
        self._ledger = Ledger(self._store, clock, policy.flush_after, policy.stale_while_revalidate)
        self._faults = Faults(raises=lambda: policy.on_fault == "raise", count=self._ledger.count)
        self._exact = ExactTier(self._store, clock, policy)
        embedder = Checked(self._embedder)
        self.reembedding = Reembedding(self._store, embedder, policy, self._ledger.count)
        self.wordbook = Wordbook(self._store)
        self.judgements = Judgements(self._store)
        self.labels = Labels(self._store, embedder, clock)
        self.pairs = Pairs(self._store, clock)
        self._semantic = SemanticTier(
            *(self._store, self.wordbook, self.judgements, Memo(embedder), self.reembedding, policy, clock),
            self._accepted,
        )
        compiler = None
        if self._model is not None:
            limits = {"repairs": policy.repairs, "calls_per_hour": policy.compiles_per_hour}
            compiler = Compiler(self._model, **limits, clock=clock, spent=self._ledger.spent)
        self._casebook = Casebook(self._store, self._vector, policy.kin, policy.kin_recurring)
        self._standing = Standing(self._library, policy, self._ledger, clock)
        life = (self._library, self._casebook, self._standing, self._sandbox, policy)
        resources = Resources(self._store, *life, self._ledger, compiler, clock)
        self._author = Author(resources)
        self._learner = Learner(resources, self._author)
        self._procedural = ProceduralTier(*life, self._author)
        served = (self._semantic, self.wordbook, self.judgements)
        self._recognizer = Recognizer(self._store, *served, compiler, policy, self._ledger, clock)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        policy: Policy | None = None,
        compiler: Any = None,
        embedder: Any = None,
        sandbox: Sandbox | None = None,
        executor: Executor | None = None,
        clock: Callable[[], float] = time.time,
        listener: Listener | None = None,
    ) -> Self:
        """Open the cache in this file, made if it does not exist.

        Args:
            path: an SQLite file; ":memory:" is a private temporary one.
            policy: thresholds, lifetimes, limits; None: the defaults.
            compiler: the model that writes procedures: a callable from prompt to text, or an object with ``name`` and
                ``complete(prompt)``. None: existing procedures are used, no new ones are made.
            embedder: None: the embedded MiniLM; else the name or path of a sentence-transformers model, a LangChain or
                LlamaIndex embedding object, or a callable from texts to vectors.
            sandbox: where procedures run; None: pydantic-monty.
            executor: where learning happens; None: one background thread.
            clock: seconds since the epoch.
            listener: called with every request and what its lookup found; what it raises is a counted fault.

        Raises:
            ConfigurationError: an argument is wrong.
            StoreError: the file cannot be used; it is left as it was.
        """
        if policy is not None and not isinstance(policy, Policy):
            raise ConfigurationError(f"policy: expected a Policy or None, got {type(policy).__name__}")
        store = Store(path)
        try:
            return cls(
                store,
                policy=policy or Policy(),
                compiler=compiler,
                embedder=embedder,
                sandbox=sandbox,
                executor=executor,
                clock=clock,
                listener=listener,
            )
        except BaseException:
            store.close()
            raise

    # -- one request --------------------------------------------------------------------------------------------------

    def lookup(self, request: Request) -> Hit | Miss:
        """The answer that needs no model call, or why there is none."""
        return run(self._lookup(request))

    async def alookup(self, request: Request) -> Hit | Miss:
        """``lookup`` for a running event loop, which it never blocks."""
        return await arun(self._lookup(request))

    def record(self, request: Request, response: Response) -> None:
        """Keep what the origin answered, and learn from it in the background."""
        run(self._record(request, response))

    async def arecord(self, request: Request, response: Response) -> None:
        """``record`` for a running event loop, which it never blocks."""
        await arun(self._record(request, response))

    def respond(
        self, request: Request, origin: Callable[[Request], Response], *, found: Miss | None = None
    ) -> Response:
        """The cached answer, else the origin's, asked once for all concurrent equal requests, and recorded.

        Args:
            request: what is asked.
            origin: the model call; called at most once.
            found: what ``lookup`` has just said, so that it is not asked (and counted) again.

        Raises:
            OnlyIfCachedError: ``only_if_cached`` and nothing was cached.
            Exception: what the origin raises; nothing is stored then.
        """
        return run(self._respond(request, Call(partial(origin, request)), found))

    async def arespond(
        self, request: Request, origin: Callable[[Request], Awaitable[Response]], *, found: Miss | None = None
    ) -> Response:
        """``respond`` for a running event loop and an async origin."""
        return await arun(self._respond(request, Call(None, partial(origin, request)), found))

    def _respond(self, request: Request, origin: Call, known: Miss | None) -> Flow[Response]:
        # A fresh answer was asked for: sharing one that began before would not be fresh.
        key = f"{request.key}{'!' if request.control.no_cache else ''}{'-' if request.control.no_store else ''}"
        fly = partial(self._flights.share, key, partial(self._ask, request, origin))
        refresh = self._safely("revalidation", fly(), request.namespace)  # a generator: nothing has begun
        found: Hit | Miss = (yield from self._lookup(request, refresh)) if known is None else known
        if isinstance(found, Hit):
            return found.response
        if request.control.only_if_cached:
            raise OnlyIfCachedError(f"nothing is cached for this request ({found.why})")
        return (yield from fly())

    def _ask(self, request: Request, origin: Call) -> Flow[Response]:
        if not self._closed and not self.policy.bypass(request):
            # Between our lookup and this flight another one may have landed: ask once more, or two calls are made.
            landed = yield from self._safely(TierName.EXACT, self._exact.find(request), request.namespace)
            if isinstance(landed, Hit) and not landed.stale:
                return landed.response
        response = yield origin
        if not isinstance(response, Response):
            raise ConfigurationError(f"origin: expected it to return a Response, got {type(response).__name__}")
        yield from self._record(request, response)
        return response

    def _lookup(self, request: Request, refresh: Flow[Any] | None = None) -> Flow[Hit | Miss]:
        if not isinstance(request, Request):
            raise ConfigurationError(f"request: expected a Request, got {type(request).__name__}")
        if self._closed:
            return Miss(Why.BYPASS, "the cache is closed")
        found: Hit | Miss
        if why := self.policy.bypass(request):
            found = Miss(Why.BYPASS, why)
        else:
            found = yield from self._ask_tiers(request)
        saved = Usage()
        if isinstance(found, Hit) and found.stale:
            found = yield from self._revalidation.serve(found, request, refresh)
        elif isinstance(found, Hit):
            saved = found.response.usage
            if found.tier is TierName.PROCEDURE:
                saved = self._procedural.saved(found, request.context)
        self._ledger.found(request, found, saved)
        if self._listener is not None:
            self._tell(request, found)
        if self._ledger.due() and not self._writer.busy():
            self._writer.submit(self._flush)
        return found

    def _tell(self, request: Request, found: Hit | Miss) -> None:
        assert self._listener is not None
        try:
            self._listener(request, found)
        except Exception as error:
            self.fault("listener", error, request.namespace)

    def _ask_tiers(self, request: Request) -> Flow[Hit | Miss]:
        last: Hit | Miss = Miss(Why.ABSENT)  # a stale answer waits for a tier with a fresh one
        for tier in (self._exact, self._procedural, self._semantic):
            found = yield from self._safely(tier.name, tier.find(request), request.namespace)
            if isinstance(found, Hit) and not found.stale:
                return found
            if isinstance(found, Miss) and found.why in (Why.DISAGREE, Why.AUDIT):
                return found  # the model is to say it, not a similar wording
            if found is not None and not last:
                last = found
        author = self._safely("author", self._procedural.author(request), request.namespace)
        return last or (yield from author) or last

    def _safely(self, place: str, flow: Flow[Any], namespace: str) -> Flow[Any]:
        """Law 2: a fault inside is a logged, counted miss."""
        try:
            return (yield from flow)
        except Exception as error:
            self.fault(place, error, namespace)
            return Miss(Why.FAULT, place)

    def fault(self, place: str, error: Exception, namespace: str = "") -> None:
        """Turn a fault into a logged, counted miss (law 2). For adapters: what fails in them is counted with ours.

        Raises:
            Exception: the error itself, under ``Policy(on_fault="raise")``.
        """
        self._faults.turn(place, error, namespace)

    def _accepted(self, request: Request, match: Match, generation: Generation) -> None:
        """A semantic hit: a wording that reads the same is exact from now on, unless what is learnt may change that."""
        lasting = match.rule == READING and isinstance(self.policy.reading, Fixed)
        if lasting and not request.control.no_store:
            self._exact.remember(request.key, match.entry, generation)
            self._ledger.alias(request, match.entry, match.score)

    def _record(self, request: Request, response: Response) -> Flow[None]:
        if not isinstance(response, Response):
            raise ConfigurationError(f"response: expected a Response, got {type(response).__name__}")
        if self._closed or not self.policy.storable(request, response):
            return
        if response.reuse is Reuse.EXACT:
            request = replace(request, compilable=False, comparable=False)
        put = yield from self._safely("record", call(self._put, request, response), request.namespace)
        learn = partial(self._learn, request, response, embedded=put is True)
        wanted = self.policy.answerable(request) or self.policy.comparable(request)
        if wanted and not self._background.submit(learn):
            self._ledger.count("learning.dropped", request.namespace)

    def _learn(self, request: Request, response: Response, *, embedded: bool) -> None:
        if self.policy.answerable(request):
            self._learner.learn(request, response)
            self._procedural.prepare(request.context)
        if embedded:
            self._recognizer.learn(request, response)

    def _vector(self, request: Request) -> tuple[bytes, str] | None:
        try:
            return self._semantic.embed(request)
        except Exception as error:  # words alone tell classes apart as well, only not so well
            self.fault("embed", error, request.namespace)
            return None

    def _put(self, request: Request, response: Response) -> bool:
        """Store the exchange; whether with a vector."""
        vector = self._vector(request)  # without one the answer is still good for the same request
        self._ledger.drop_alias(request.key)
        self._store.put(
            request,
            response,
            kind=self.policy.kind(request),
            now=self._clock(),
            lifetime=self.policy.lifetime(request, response),
            limit=self.policy.max_entries,
            vector=vector[0] if vector else None,
            fingerprint=vector[1] if vector else self._semantic.looked_at(request),
        )
        return vector is not None

    def load(self, exchanges: Iterable[tuple[Request, Response]]) -> int:
        """Store many exchanges, as in the import of a FAQ: their texts are embedded in batches, nothing is learnt from them.

        Args:
            exchanges: requests with their answers; what the policy does not store is left out.

        Returns:
            How many were stored.

        Raises:
            ConfigurationError: an item is no such pair.
        """
        count = 0
        for batch in batched(exchanges, BATCH):
            for pair in batch:
                if not (isinstance(pair, tuple) and [type(part) for part in pair] == [Request, Response]):
                    raise ConfigurationError(f"exchanges: expected pairs of Request and Response, got {pair!r:.80}")
            stored = [pair for pair in batch if not self._closed and self.policy.storable(*pair)]
            self._semantic.warm([request for request, _ in stored])
            for request, response in stored:
                self._put(request, response)
            count += len(stored)
        return count

    # -- background ---------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._ledger.due():
            self._standing.persist()
            self._ledger.flush()

    def drain(self) -> None:
        """Wait until everything learnt so far is settled and written. For tests, imports and demonstrations.

        Raises:
            Exception: what failed in the background, under ``Policy(on_fault="raise")``.
        """
        self._background.drain()
        self._writer.drain()
        self._standing.persist()
        self._ledger.flush()

    # -- care ---------------------------------------------------------------------------------------------------------

    def forget(self, request: Request) -> int:
        """Erase what is stored for exactly this request (answer, wordings, cases); returns how many rows went."""
        self.drain()  # what waits to be learnt would be filed after it was forgotten
        self._ledger.drop_alias(request.key)
        self._casebook.forget()
        gone = self._store.forget_key(request.key)
        self._semantic.erase()
        return gone

    def forget_context(self, request: Request) -> None:
        """Erase the stored answers of all requests in the context of this one: its namespace under its ``vary``."""
        self.drain()
        self._store.drop_taken(request.context, lambda _: True)
        self._semantic.erase()

    def wrong(self, hit: Hit) -> None:
        """Say that a hit was no answer to its request: it is not served to it again, and counts as evidence.

        What was taken for another wording is forgotten as one, and becomes a look-alike where the question has a contrast set.
        The answer to the very same request is erased. A procedure is suspended, as by a confirmed disagreement.

        Args:
            hit: as ``lookup`` returned it.

        Raises:
            ConfigurationError: it is no hit of a lookup.
        """
        if not isinstance(hit, Hit) or hit.request is None:
            raise ConfigurationError(f"hit: expected a Hit as lookup returned it, got {type(hit).__name__}")
        self.drain()
        kind, _, number = hit.source.partition(":")
        if kind == "procedure":
            procedure = self._library.get(int(number))
            if procedure is not None:
                self._standing.suspend((procedure,), "somebody said that an answer was wrong")
            return
        self._ledger.drop_alias(hit.request.key)
        self._recognizer.wrong(hit, hit.request, int(number))

    def crystallise(self, request: Request) -> bool:
        """Have the contrast set of a stored question written now, as after an import of questions that will be asked again.

        One call of the compiler's model, within the hourly budget; none where the set exists, also in another scope.

        Returns:
            Whether the question has its set.
        """
        return self._recognizer.crystallise(request)

    def teach(self, key: str, text: str, sense: Sense | str) -> None:
        """Put a wording on a side of a question's line, as a person who knows.

        Args:
            key: of the question's request; it must have its contrast set.
            text: the wording.
            sense: "same": the question's answer serves it; "other": it needs another one.

        Raises:
            ConfigurationError: no such question, no such sense, or a text that cannot be compared.
        """
        self._recognizer.taught(key, text, sense)

    def import_questions(self, lines: Iterable[str], namespace: str = "") -> Imported:
        """Take over contrast sets that ``seglam questions export`` wrote, for the questions of one namespace.

        All of it or nothing; a second time nothing changes. A set goes to every stored question with its text, and waits for
        one where there is none. What people and traffic have said here stays as it is.

        Args:
            lines: JSON Lines: question, same, other, model.
            namespace: where the questions are.

        Raises:
            ConfigurationError: a line is no set; the message names it.
        """
        return self._recognizer.take(lines, namespace)

    def clear(self, namespace: str | None = None) -> int:
        """Erase everything learnt, in one namespace or in all (None); returns how many answers went. Counters stay."""
        self.drain()
        self._casebook.forget()
        gone = self._store.clear(namespace)
        self._semantic.erase()
        return gone

    def procedures(self, request: Request | None = None) -> list[Procedure]:
        """Every version of every procedure (of one request's context), with its state and evidence, oldest first."""
        return self._library.all(None if request is None else request.context)

    @property
    def curator(self) -> Curator:
        """What a person may do with procedures: ask why, compare, approve, edit, pin, retire, roll back, export, import."""
        return Curator(self._library, self._casebook, self._author, self._sandbox, self._clock, self.drain)

    @property
    def faults(self) -> dict[str, int]:
        """What went wrong in this process, by place; each was a miss. Known even when the file cannot be read."""
        return self._faults.places()

    def stats(self, namespace: str | None = None) -> Stats:
        """What the cache did and saved since its file was made."""
        return replace(
            self._ledger.stats(namespace),
            procedures=self._library.states(),
            recognition=traffic.census(self._store, namespace),
            languages=traffic.spoken(self._store, namespace),
        )

    def check(self) -> list[str]:
        """Prove that file and index are whole and agree: a list of problems, empty when all is well."""
        self.drain()
        problems = self._store.check()
        return problems or self._semantic.check()

    def close(self) -> None:
        """Write what waits and let go of file, sandbox and thread. Work not begun is dropped. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._learner.stop()
        self._background.close()
        self._writer.close()
        self._semantic.close()
        for last in (self._standing.persist, self._ledger.flush):
            try:
                last()
            except Exception as error:
                logger.warning("seglam: the last counters could not be written: %s", type(error).__name__)
        if self._own_sandbox:
            self._sandbox.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_opened: "WeakSet[Cache]" = WeakSet()


def _in_child() -> None:
    for cache in list(_opened):
        cache._assemble()  # noqa: SLF001 - with an empty ledger: what the parent has counted, the parent writes


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
