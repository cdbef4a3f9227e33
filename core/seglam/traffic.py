"""What a namespace's rows tell of its traffic: what was asked lately, in which languages, how much has contrast sets."""

from collections import Counter
from typing import Any, Final

from sqlalchemy import func, select

from seglam import languages
from seglam.schema import contrasts, entries, wordings
from seglam.store import Store
from seglam.wordbook import MADE

_WINDOW: Final = 5_000  # entries among which a namespace's recent ones are looked for


def recent(store: Store, namespace: str | None, fingerprint: str | None, most: int = languages.RECENT) -> list[str]:
    """The texts of a namespace's newest stored requests that this embedder could read (None: all), newest first."""
    read = entries.c.vector.is_not(None).label("read")  # the embedder that did not read a text is kept as well
    columns = (entries.c.id, entries.c.text, entries.c.namespace, entries.c.fingerprint, read)
    # The newest first and then the namespace's: the other way round all of a large namespace would be read and sorted.
    newest = select(*columns).order_by(entries.c.id.desc()).limit(_WINDOW).subquery()
    query = select(newest.c.text)
    if namespace is not None:
        query = query.where(newest.c.namespace == namespace)
    if fingerprint is not None:
        query = query.where(newest.c.fingerprint == fingerprint, newest.c.read)
    return [row.text for row in store.read(query.order_by(newest.c.id.desc()).limit(most))]


def spoken(store: Store, namespace: str | None = None) -> dict[str, int]:
    """How many of the newest stored requests are in which language; "unknown" where it is not certain."""
    found = Counter(languages.language(text) or "unknown" for text in recent(store, namespace, None))
    return dict(found.most_common())


def census(store: Store, namespace: str | None = None) -> dict[str, float]:
    """Contrast sets and their cost in vectors.

    Returns:
        sets: questions that have one. hot_share: of the entries, those whose question has one. wordings_per_set.
        vectors_per_entry: those of wordings, over all entries. from_<origin>: wordings by who put them there.
    """
    sets, asked = [contrasts.c.state == MADE], []
    if namespace is not None:
        sets, asked = [*sets, contrasts.c.namespace == namespace], [entries.c.namespace == namespace]

    def count(table: Any, *where: Any) -> int:
        return int(store.read(select(func.count()).select_from(table).where(*where))[0][0])

    total, known = count(entries, *asked), count(contrasts, *sets)
    # From the sets to the entries: there are a thousand times as many of these.
    hot = count(contrasts, *sets, select(entries.c.id).where(entries.c.key == contrasts.c.key).exists())
    told = (
        select(wordings.c.origin, func.count())
        .join(contrasts, contrasts.c.id == wordings.c.contrast_id)
        .where(*sets)
        .group_by(wordings.c.origin)
    )
    origins = {str(row[0]): int(row[1]) for row in store.read(told)}
    written = sum(origins.values())
    shares = {"hot_share": (hot, total), "wordings_per_set": (written, known), "vectors_per_entry": (written, total)}
    rounded = {name: round(count / of, 3) if of else 0.0 for name, (count, of) in shares.items()}
    return {"sets": known, **rounded, **{f"from_{origin}": number for origin, number in sorted(origins.items())}}
