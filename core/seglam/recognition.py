"""Crystallised recognition: a question that is asked again in other words gets its contrast set, once, in the background.

And the other half of learning what means the same: served answers are compared with the model's, and what turns out right or
wrong becomes evidence for thresholds, and wordings on either side of a question's line.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from seglam import contrastfile, languages, traffic
from seglam.compiler import Compiler
from seglam.contrast import Contrast, Sense, contrast_prompt, parse_contrast
from seglam.errors import ConfigurationError, ReplyError
from seglam.exchange import Hit, Request, Response, digest
from seglam.judgements import READING, Judgement, Judgements
from seglam.judging import ModelJudge, judged, settled
from seglam.ledger import Ledger
from seglam.llm import CallableModel
from seglam.lookalikes import Lookalikes
from seglam.matching import Match
from seglam.policy import Policy
from seglam.semantic import SemanticTier
from seglam.similarity import similar
from seglam.store import Store
from seglam.values import conflict
from seglam.wordbook import DECLINED, FAILED, MADE, Question, Wordbook

logger = logging.getLogger("seglam")

_OUTAGE: Final = 300.0  # seconds: a model that cannot be reached says nothing about a question


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of contrast sets did.

    Attributes:
        questions: those that have wordings of the file now; of one text in several contexts each counts.
        wordings: new ones.
        known: those that stood there already, or that people and traffic had put on the other side.
        left_out: those that no embedder in use can read, or that the value guards refuse.
    """

    questions: int
    wordings: int
    known: int
    left_out: int


class Recognizer:
    """Decides which questions are worth a contrast set, and has the compiler's model write it.

    Args:
        store, semantic, wordbook, judgements, policy, ledger, clock: shared with the cache.
        compiler: None: sets that exist are used, no new ones are made.
    """

    def __init__(
        self,
        store: Store,
        semantic: SemanticTier,
        wordbook: Wordbook,
        judgements: Judgements,
        compiler: Compiler | None,
        policy: Policy,
        ledger: Ledger,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._semantic = semantic
        self._wordbook = wordbook
        self._judgements = judgements
        self._compiler = compiler
        self._policy = policy
        self._ledger = ledger
        self._clock = clock
        self._lookalikes = Lookalikes(store, semantic, wordbook, policy, clock)

    def learn(self, request: Request, response: Response) -> None:
        """After the model has answered: settle what would have been served; the question that it came near to gets its set."""
        if not self._policy.comparable(request):
            return
        waiting = self._wordbook.waiting(request)
        if waiting is not None:
            self._copied(request, waiting)
        found = self._semantic.match(request, self._store.generation(), without=request.key)
        if found is not None:
            self._settle(request, response, found)
        elif self._compiler is not None and self._policy.contrast == "hot":
            self._heat(request)
        self._lookalikes.settle(request)

    def _heat(self, request: Request) -> None:
        for entry, score in self._semantic.nearest(request):
            if score < self._policy.contrast_near:
                return
            # The same words with other values are a class of requests: a procedure's matter, not another wording.
            if conflict(request.text, entry.request.text) is None and not similar(request.text, entry.request.text):
                if self.crystallise(entry.request, near=[request.text]):
                    self._widen(entry.request, request)
                return

    # -- evidence -----------------------------------------------------------------------------------------------------

    def _settle(self, request: Request, response: Response, found: Match) -> None:
        """Compare what would have been served with what the model says now."""
        right = self._agree(request, found.entry.response.text, response.text)
        outcome = {True: "agreed", False: "disagreed", None: "undecided"}[right]
        self._ledger.count(f"semantic.{outcome}", request.namespace)
        self._judge(request, found.entry.key, found.wording, found.rule, found.counted, right, found.arm, "audit")

    def _agree(self, request: Request, stored: str, said: str) -> bool | None:
        """Whether two answers say the same: by the policy's judge, else by value, else in the model's opinion; None: unknown."""
        certain = settled(self._policy.judge, request.text, stored, said)
        if certain is not None:
            return certain
        if self._compiler is None or not self._compiler.affordable():
            return None
        compiler, purpose = self._compiler, ("vote", request.namespace)
        model = CallableModel(lambda prompt: compiler.ask(prompt, purpose))
        return judged(ModelJudge(model), request.text, stored, said, "text")

    def wrong(self, hit: Hit, request: Request, entry_id: int) -> None:
        """Somebody says that the entry's answer is none to the request; it counts as what it would be served for now."""
        entry = self._store.entry_by_id(entry_id) or self._semantic.serving(hit, request)
        if entry is None or entry.key == request.key:
            self._store.drop_entries([request.key])
            return
        self._store.drop_alias(request.key)
        self._ledger.count("semantic.complaints", request.namespace)
        found = self._semantic.match(request, self._store.generation(), without=request.key)
        if (
            found is None or found.entry.key != entry.key
        ):  # the policy has changed since: the refusal is kept, of no score
            found = Match(entry, 0.0, READING, entry.request.text, 0.0)
        self._judge(request, entry.key, found.wording, found.rule, found.counted, False, found.arm, "feedback")

    def _judge(
        self,
        request: Request,
        key: str,
        wording: str,
        rule: str,
        score: float,
        right: bool | None,
        arm: str,
        origin: str,
    ) -> None:
        fingerprint = self._semantic.fingerprint
        judgement = Judgement(
            *(request.namespace, fingerprint, key, request.text, wording, rule, score), right, arm, origin
        )
        self._judgements.add(judgement, self._clock())
        question = self._wordbook.question(key)
        if right is None or question is None or question.state != MADE or request.text == question.text:
            return
        sense = Sense.SAME if right else Sense.OTHER
        self.teach(question, request.text, sense, "traffic" if origin == "audit" else origin)

    def teach(self, question: Question, text: str, sense: Sense, origin: str) -> None:
        """Put a wording on a side of a question's line."""
        self._keep(question.id, [(text, sense)], origin)

    def taught(self, key: str, text: str, sense: Sense | str) -> None:
        """The same from a person; see ``Cache.teach``."""
        if sense not in tuple(Sense):
            raise ConfigurationError(f"sense: expected {' or '.join(Sense)}, got {sense!r}")
        question = self._wordbook.question(key)
        if question is None:
            raise ConfigurationError(f"key: no question with a contrast set has the key {key!r}")
        if not isinstance(text, str) or not self._semantic.covers(Request(text)):
            raise ConfigurationError(f"text: expected a text that the embedder covers, got {text!r:.80}")
        self.teach(question, text, Sense(sense), "person")

    # -- contrast sets ------------------------------------------------------------------------------------------------

    def crystallise(self, request: Request, near: Sequence[str] = ()) -> bool:
        """Have a stored question's contrast set written, unless it has one, or its last try is too recent.

        Args:
            request: the question.
            near: what was asked lately that sounds alike.

        Returns:
            Whether it has one now.
        """
        question = self._wordbook.question(request.key)
        if question is not None and question.state == MADE:
            return True
        if not self._semantic.covers(request):
            return False
        written = self._wordbook.written(request)
        made = self._written(request, near) if written is None else self._copied(request, written)
        if made:
            self._lookalikes.settle(request)
        return made

    def _written(self, request: Request, near: Sequence[str]) -> bool:
        claimed = self._wordbook.claim(request, self._clock()) if self._affordable() else None
        if claimed is None:
            return False
        return self._tried(request, claimed, FAILED, lambda: self._first(request, claimed, near))

    def _tried(self, request: Request, claimed: int, state: str, work: Callable[[], bool]) -> bool:
        """Do what a claim was made for; where it fails, the question goes back to ``state`` for a while."""
        try:
            return work()
        except BaseException as error:
            logger.warning("a contrast set could not be had: %s", type(error).__name__)
            self._ledger.count("fault.contrast", request.namespace)
            self._wordbook.release(claimed, state, retry_at=self._clock() + _OUTAGE, reason=type(error).__name__)
            if self._policy.on_fault == "raise" or not isinstance(error, Exception):
                raise
            return False

    def _first(self, request: Request, claimed: int, near: Sequence[str]) -> bool:
        found, prompt, model, reason = self._asked(request, near, self._spoken(request))
        if not found:
            self._wordbook.release(claimed, DECLINED, retry_at=self._later(request), reason=reason)
            self._ledger.count("contrast.declined", request.namespace)
            return False
        self._keep_all(claimed, found)
        self._wordbook.release(claimed, MADE, model=model, prompt_digest=digest(prompt))
        self._ledger.count("contrast.made", request.namespace)
        return True

    def _asked(self, request: Request, near: Sequence[str], spoken: Sequence[str]) -> tuple[Contrast, str, str, str]:
        """One call: what was written, from which prompt, by which model, and why it is nothing."""
        assert self._compiler is not None
        prompt = contrast_prompt(request.text, near, spoken)
        model = self._compiler.model.name
        reply = self._compiler.ask(prompt, ("contrast", request.namespace)).text
        try:
            return parse_contrast(reply, request.text), prompt, model, "the model wrote none"
        except ReplyError as error:
            return Contrast((), ()), prompt, model, str(error)

    def _affordable(self) -> bool:
        return self._compiler is not None and self._compiler.affordable()

    def _later(self, request: Request) -> float:
        question = self._wordbook.question(request.key)
        tries = question.tries if question is not None else 1
        return self._clock() + self._policy.retry_after * 2.0 ** min(tries, 10)

    def _keep_all(self, claimed: int, found: Contrast) -> None:
        texts = [(text, Sense.SAME) for text in found.same] + [(text, Sense.OTHER) for text in found.other]
        self._keep(claimed, texts, "model")

    def _keep(self, contrast_id: int, texts: Sequence[tuple[str, Sense]], origin: str) -> None:
        rows = self._packed(texts)
        fingerprint, now = self._semantic.fingerprint, self._clock()
        self._wordbook.add(contrast_id, rows, fingerprint=fingerprint, origin=origin, now=now)

    def _packed(self, texts: Sequence[tuple[str, Sense]]) -> list[tuple[str, Sense, bytes]]:
        vectors = self._semantic.packed([text for text, _ in texts])
        return [(text, sense, vector) for (text, sense), vector in zip(texts, vectors, strict=True)]

    def _copied(self, request: Request, written: Question) -> bool:
        """Take over the set that the same question has in another context: what it means is the same."""
        claimed = self._wordbook.claim(request, self._clock())
        if claimed is None:
            return False
        self._wordbook.copy(written.id, claimed)
        self._wordbook.release(claimed, MADE, model=written.model, prompt_digest=written.prompt_digest)
        return True

    # -- languages ----------------------------------------------------------------------------------------------------

    def _spoken(self, request: Request) -> tuple[str, ...]:
        """The languages of a namespace's recent requests, without the question's own."""
        recent = traffic.recent(self._store, request.namespace, self._semantic.fingerprint)
        return languages.spoken(recent, besides=request.text)

    def _widen(self, question: Request, near: Request) -> None:
        """Ask once more about a question with a set, for wordings in a language that its traffic did not show then."""
        wanted = languages.language(near.text)
        known = self._wordbook.question(question.key)
        if not wanted or known is None or known.state != MADE or known.retry_at > self._clock():
            return
        if wanted in {languages.language(w.text) for w in self._wordbook.wordings_of(question.key)}:
            return
        if wanted not in self._spoken(question) or not self._affordable():
            return
        claimed = self._wordbook.claim(question, self._clock(), made=True)
        if claimed is not None:
            self._tried(question, claimed, MADE, lambda: self._further(question, claimed, near, wanted))

    def _further(self, question: Request, claimed: int, near: Request, wanted: str) -> bool:
        found, *_ = self._asked(question, [near.text], (wanted,))
        if found:
            self._keep_all(claimed, found)
            self._ledger.count("contrast.widened", question.namespace)
        # A pause: should none of what it wrote be in that language, it would be asked again and again.
        self._wordbook.release(claimed, MADE, retry_at=self._later(question))
        self._lookalikes.settle(question)
        return bool(found)

    # -- files --------------------------------------------------------------------------------------------------------

    def take(self, lines: Iterable[str], namespace: str) -> Imported:
        """Import contrast sets; see ``Cache.import_questions``."""
        if not isinstance(namespace, str):
            raise ConfigurationError(f"namespace: expected a str, got {type(namespace).__name__}")
        sets, left_out = contrastfile.read(lines)
        stored = self._wordbook.stored(namespace, [filed.question for filed in sets])
        rows = []
        for filed in sets:
            texts = [(text, Sense.SAME) for text in filed.contrast.same]
            texts += [(text, Sense.OTHER) for text in filed.contrast.other]
            readable = [(text, sense) for text, sense in texts if self._semantic.covers(Request(text))]
            left_out += len(texts) - len(readable)
            packed = self._packed(readable)
            if packed:
                targets = stored.get(filed.question) or [Request(filed.question, namespace=namespace)]
                rows += [(target, filed.model, packed) for target in targets]
        new, known = self._wordbook.take(rows, fingerprint=self._semantic.fingerprint, now=self._clock())
        for target, _, _ in rows:
            self._lookalikes.settle(target)
        return Imported(len(rows), new, known, left_out)
