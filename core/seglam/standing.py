"""How far procedures are trusted in this process, before the file knows: a suspension holds at once, even while it is locked."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from seglam.exchange import Request
from seglam.ledger import Ledger
from seglam.library import Library
from seglam.policy import Policy
from seglam.procedure import Finding, Procedure

logger = logging.getLogger("seglam")

STRIKES: Final = 3


class Standing:
    """Who may answer. Safe to share between threads.

    Args:
        library, policy, ledger, clock: shared with the cache.
    """

    def __init__(self, library: Library, policy: Policy, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._library = library
        self._policy = policy
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._distrusted: dict[int, Finding] = {}
        self._accused: Counter[int] = Counter()
        self._strikes: Counter[int] = Counter()
        self._served: Counter[int] = Counter()

    def may(self, procedure: Procedure, request: Request) -> bool:
        """Whether a procedure may be asked at all."""
        if procedure.id in self._distrusted or procedure.id in self._accused:
            return False
        return not self._policy.bind_engine or procedure.engine == request.engine

    def suspend(self, which: Sequence[Procedure], why: str, *, stage: str = "disagreed") -> None:
        """Trust them no more: in memory first, then on disk."""
        for procedure in which:
            logger.warning("procedure %d is suspended", procedure.id)
            self._ledger.count("procedures.suspended", procedure.namespace)
            self.distrust(procedure, why, stage)
        self.persist()

    def distrust(self, procedure: Procedure, why: str, stage: str) -> None:
        """Trust it no more in this process; ``persist`` or ``suspend`` writes it down."""
        self._distrusted[procedure.id] = Finding(stage, passed=False, detail=why[:2000])

    def persist(self) -> None:
        """Write down suspensions that are only in memory yet; what cannot be written now is tried at the next flush."""
        # One writer at a time, or the thread of the flushes writes again what a request's thread is writing just now.
        with self._writing:
            for procedure_id, finding in list(self._distrusted.items()):
                self._library.settle(procedure_id, finding, self._clock())
                if self._distrusted.get(procedure_id) is finding:  # a newer reason is written by whoever brought it
                    self._distrusted.pop(procedure_id)

    def accuse(self, procedure: Procedure) -> None:
        """Do not ask it while the model is asked for its votes; holds until every accusation is cleared."""
        with self._lock:
            self._accused[procedure.id] += 1

    def clear(self, procedure: Procedure) -> None:
        """The votes about one accusation are in; other threads may still wait for theirs."""
        with self._lock:
            self._accused[procedure.id] -= 1
            if self._accused[procedure.id] <= 0:
                del self._accused[procedure.id]

    def strike(self, procedure: Procedure, status: str) -> None:
        """It broke its limits; after three times in a row it is suspended."""
        self._ledger.count(f"fault.sandbox.{status}", procedure.namespace)
        with self._lock:
            self._strikes[procedure.id] += 1
            out = self._strikes[procedure.id] >= STRIKES
        if out:
            self.suspend((procedure,), f"broke its limits {STRIKES} times in a row: {status}", stage="limits")

    def answered(self, procedure: Procedure) -> None:
        """It kept to its limits: one time-out in a thousand runs is the machine's."""
        if self._strikes:
            with self._lock:
                self._strikes.pop(procedure.id, None)

    def audit(self, procedure: Procedure, key: str) -> bool:
        """Whether the model should answer this hit all the same.

        The key decides, not chance: the same request is not asked again and again until it slips through, and a test or a
        replayed stream sees the same audits.
        """
        with self._lock:
            self._served[procedure.id] += 1
            count = max(procedure.hits, self._served[procedure.id])
        share = self._policy.audit_first if count <= self._policy.audit_hits else self._policy.audit
        return (int(key[:12], 16) * 2_654_435_761 + procedure.id * 40_503) % 2**32 < share * 2**32
