"""Crystallised recognition: a question that is asked again in other words gets its contrast set, once, in the background.

And the other half of learning what means the same: served answers are compared with the model's, and what turns out right or
wrong becomes evidence for thresholds, and wordings on either side of a question's line.
"""

import logging
from collections.abc import Callable, Sequence

from seglam.agreement import agree, differ
from seglam.compiler import Compiler
from seglam.contrast import Contrast, Sense, contrast_prompt, parse_contrast
from seglam.errors import ReplyError
from seglam.exchange import Entry, Request, Response, digest
from seglam.judgements import READING, Judgement, Judgements
from seglam.judging import ModelJudge, judged
from seglam.ledger import Ledger
from seglam.llm import CallableModel
from seglam.matching import Match
from seglam.policy import Policy
from seglam.semantic import SemanticTier
from seglam.similarity import similar
from seglam.store import Store
from seglam.values import conflict
from seglam.wordbook import DECLINED, FAILED, MADE, Question, Wordbook

logger = logging.getLogger("seglam")

_DECISIVE = ("integer", "decimal", "money", "date", "option")
_OUTAGE = 300.0  # seconds: a model that cannot be reached says nothing about a question


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

    def learn(self, request: Request, response: Response) -> None:
        """After the model has answered: settle what would have been served; the question that it came near to gets its set."""
        if not self._policy.comparable(request):
            return
        found = self._semantic.match(request, self._store.generation(), without=request.key)
        if found is not None:
            self._settle(request, response, found)
        elif self._compiler is not None and self._policy.contrast == "hot":
            self._heat(request)

    def _heat(self, request: Request) -> None:
        for entry, score in self._semantic.nearest(request):
            if score < self._policy.contrast_near:
                return
            # The same words with other values are a class of requests: a procedure's matter, not another wording.
            if conflict(request.text, entry.request.text) is None and not similar(request.text, entry.request.text):
                self.crystallise(entry.request, near=[request.text])
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
        if self._policy.judge is not None:
            return judged(self._policy.judge, request.text, stored, said, "text")
        if agree(stored, said, "text"):
            return True
        if any(differ(stored, said, kind) for kind in _DECISIVE):
            return False
        if self._compiler is None or not self._compiler.affordable():
            return None
        compiler, purpose = self._compiler, ("vote", request.namespace)
        model = CallableModel(lambda prompt: compiler.ask(prompt, purpose))
        return judged(ModelJudge(model), request.text, stored, said, "text")

    def wrong(self, request: Request, entry: Entry) -> None:
        """Somebody says that the entry's answer is none to the request; it counts as what it would be served for now."""
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
        (vector,) = self._semantic.packed([text])
        fingerprint, now = self._semantic.fingerprint, self._clock()
        self._wordbook.add(question.id, [(text, sense, vector)], fingerprint=fingerprint, origin=origin, now=now)

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
        return self._copied(request) or self._written(request, near)

    def _written(self, request: Request, near: Sequence[str]) -> bool:
        compiler = self._compiler
        if compiler is None or not compiler.affordable():
            return False
        claimed = self._wordbook.claim(request, self._clock())
        if claimed is None:
            return False
        try:
            return self._asked(request, claimed, near, compiler)
        except BaseException as error:
            logger.warning("a contrast set could not be had: %s", type(error).__name__)
            self._ledger.count("fault.contrast", request.namespace)
            self._wordbook.release(claimed, FAILED, retry_at=self._clock() + _OUTAGE, reason=type(error).__name__)
            if self._policy.on_fault == "raise" or not isinstance(error, Exception):
                raise
            return False

    def _asked(self, request: Request, claimed: int, near: Sequence[str], compiler: Compiler) -> bool:
        prompt = contrast_prompt(request.text, near)
        reply = compiler.ask(prompt, ("contrast", request.namespace)).text
        try:
            found = parse_contrast(reply, request.text)
        except ReplyError as error:
            found, reason = Contrast((), ()), str(error)
        else:
            reason = "the model wrote none"
        question = self._wordbook.question(request.key)
        tries = question.tries if question is not None else 1
        if not found:
            later = self._clock() + self._policy.retry_after * 2.0 ** min(tries, 10)
            self._wordbook.release(claimed, DECLINED, retry_at=later, reason=reason)
            self._ledger.count("contrast.declined", request.namespace)
            return False
        self._keep(claimed, found)
        self._wordbook.release(claimed, MADE, model=compiler.model.name, prompt_digest=digest(prompt))
        self._ledger.count("contrast.made", request.namespace)
        return True

    def _keep(self, claimed: int, found: Contrast) -> None:
        texts = [(text, Sense.SAME) for text in found.same] + [(text, Sense.OTHER) for text in found.other]
        vectors = self._semantic.packed([text for text, _ in texts])
        rows = [(text, sense, vector) for (text, sense), vector in zip(texts, vectors, strict=True)]
        self._wordbook.add(claimed, rows, fingerprint=self._semantic.fingerprint, origin="model", now=self._clock())

    def _copied(self, request: Request) -> bool:
        """Take over the set that the same question has in another context: what it means is the same."""
        written = self._wordbook.written(request)
        if written is None:
            return False
        claimed = self._wordbook.claim(request, self._clock())
        if claimed is None:
            return False
        self._wordbook.copy(written.id, claimed)
        self._wordbook.release(claimed, MADE, model=written.model, prompt_digest=written.prompt_digest)
        return True
