"""The exact tier: the same request again. A dictionary in memory, then one row by primary key."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from seglam.exchange import Entry, Hit, Miss, Request, TierName, Why
from seglam.flow import Flow, call, quick
from seglam.policy import Policy
from seglam.readers import Generation
from seglam.store import Store


class ExactTier:
    """Answers a request whose key (text, vary, engine, namespace) was answered before.

    Memory stays coherent with other processes on the same file: it is emptied when the store's generation of entries
    has changed, which one ``PRAGMA data_version`` tells.
    """

    name = TierName.EXACT

    def __init__(self, store: Store, clock: Callable[[], float], policy: Policy) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._size = policy.memory_entries
        self._threshold = policy.reading.floor
        self._lock = threading.Lock()
        self._memory: OrderedDict[str, tuple[Entry, int]] = OrderedDict()
        self._generation = -1

    def find(self, request: Request) -> Flow[Hit | Miss | None]:
        """The stored answer, fresh or marked as stale; a Miss(STALE) for one that is too old; None when there is none."""
        generation = yield from quick(self._store.generation)
        entry = self._remembered(request.key, generation)
        if entry is None:
            entry = yield from call(self._store.entry, request.key, self._threshold)
            if entry is None:
                return None
            self.remember(request.key, entry, generation)
        if entry.key != request.key and not self._policy.comparable(request):
            return None  # another wording's answer
        now = self._clock()
        stale = not self._policy.fresh(request, entry, now)
        if stale and not self._policy.revalidable(request, entry, now):
            return Miss(Why.STALE)
        notes: dict[str, Any] = {} if entry.key == request.key else {"wording": entry.request.text}
        if stale:
            notes["stale"] = True  # for whoever shows notes only, as the adapters do
        age = max(0.0, now - entry.created)
        source = f"entry:{entry.id}"
        return Hit(entry.response, self.name, source, age=age, notes=notes, request=request, stale=stale)

    def _remembered(self, key: str, generation: Generation) -> Entry | None:
        with self._lock:
            if generation.entries != self._generation:
                self._memory.clear()
                self._generation = generation.entries
            entry, version = self._memory.get(key, (None, 0))
            if entry is None:
                return None
            if entry.key != key and version != generation.version:
                del self._memory[key]  # another wording's answer: since then this wording may have got one of its own
                return None
            self._memory.move_to_end(key)
            return entry

    def remember(self, key: str, entry: Entry, generation: Generation) -> None:
        """Keep an entry in memory under its own key or an alias.

        Args:
            key: what it will be asked by.
            entry: what was read from the store.
            generation: what was known before it was read: if entries went since, it may be gone too, and is not kept.
        """
        with self._lock:
            if generation.entries != self._generation or not self._size:
                return
            self._memory[key] = (entry, generation.version)
            self._memory.move_to_end(key)
            while len(self._memory) > self._size:
                self._memory.popitem(last=False)
