"""Crystallised recognition: a question that is asked again in other words gets its contrast set, once, in the background."""

import logging
from collections.abc import Callable, Sequence

from seglam.compiler import Compiler
from seglam.contrast import Contrast, Sense, contrast_prompt, parse_contrast
from seglam.errors import ReplyError
from seglam.exchange import Request, digest
from seglam.ledger import Ledger
from seglam.policy import Policy
from seglam.semantic import SemanticTier
from seglam.similarity import similar
from seglam.values import conflict
from seglam.wordbook import DECLINED, FAILED, MADE, Wordbook

logger = logging.getLogger("seglam")

_OUTAGE = 300.0  # seconds: a model that cannot be reached says nothing about a question


class Recognizer:
    """Decides which questions are worth a contrast set, and has the compiler's model write it.

    Args:
        semantic, wordbook, policy, ledger, clock: shared with the cache.
        compiler: None: sets that exist are used, no new ones are made.
    """

    def __init__(
        self,
        semantic: SemanticTier,
        wordbook: Wordbook,
        compiler: Compiler | None,
        policy: Policy,
        ledger: Ledger,
        clock: Callable[[], float],
    ) -> None:
        self._semantic = semantic
        self._wordbook = wordbook
        self._compiler = compiler
        self._policy = policy
        self._ledger = ledger
        self._clock = clock

    def learn(self, request: Request) -> None:
        """After a miss: the question that this request came near to is hot, and gets its set."""
        if self._compiler is None or self._policy.contrast == "off" or not self._policy.comparable(request):
            return
        for entry, score in self._semantic.nearest(request):
            if score < self._policy.contrast_near:
                return
            # The same words with other values are a class of requests: a procedure's matter, not another wording.
            if conflict(request.text, entry.request.text) is None and not similar(request.text, entry.request.text):
                self.crystallise(entry.request, near=[request.text])
                return

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
        known = self._wordbook.of(written.key, self._semantic.fingerprint)
        claimed = self._wordbook.claim(request, self._clock()) if known else None
        if claimed is None:
            return False
        self._keep(
            claimed,
            Contrast(
                tuple(w.text for w in known if w.sense is Sense.SAME),
                tuple(w.text for w in known if w.sense is Sense.OTHER),
            ),
        )
        self._wordbook.release(claimed, MADE, model=written.model, prompt_digest=written.prompt_digest)
        return True
