"""The tables, and the ordered, named migrations that make them. The names applied are kept in the file itself."""

from typing import Final

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

APPLICATION_ID: Final = 0x5E61A3
"""SQLite's application_id of a seglam file: tells our file from another application's."""

metadata = MetaData()

migrations = Table("migrations", metadata, Column("name", String, primary_key=True), Column("applied", Float))

# Generation numbers, raised by triggers: a process that sees one change knows that what it holds in memory is old.
meta = Table("meta", metadata, Column("name", String, primary_key=True), Column("value", Integer, nullable=False))

entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("namespace", String, nullable=False),
    Column("vary", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("payload", String),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Column("used", Float, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("vector", LargeBinary),
    Column("fingerprint", String),
)

aliases = Table(
    "aliases",
    metadata,
    Column("key", String, primary_key=True),
    Column("entry_id", Integer, ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    Column("text", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("created", Float, nullable=False),
)

classes = Table(
    "classes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", String, nullable=False),
    Column("vary", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("background", String, nullable=False),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("retry_at", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("widenings", Integer, nullable=False, server_default="0"),
    Column("created", Float, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("class_id", Integer, ForeignKey("classes.id", ondelete="CASCADE"), nullable=False),
    Column("key", String, nullable=False),
    Column("text", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("verdict", String, nullable=False),
    Column("procedure_id", Integer),
    Column("created", Float, nullable=False),
    UniqueConstraint("class_id", "key"),
)

procedures = Table(
    "procedures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("class_id", Integer, ForeignKey("classes.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("namespace", String, nullable=False),
    Column("vary", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("state", String, nullable=False),
    Column("intent", String, nullable=False),
    Column("answer_kind", String, nullable=False),
    Column("staticity", String, nullable=False),
    Column("patterns", String, nullable=False),
    Column("examples", String, nullable=False),
    Column("near_misses", String, nullable=False),
    Column("source", String, nullable=False),
    Column("model", String, nullable=False),
    Column("prompt_digest", String, nullable=False),
    Column("parent", Integer),
    Column("origin", String, nullable=False, server_default="compiled"),
    Column("pinned", Integer, nullable=False, server_default="0"),
    Column("proven", String, nullable=False, server_default="[]"),
    Column("agreements", Integer, nullable=False),
    Column("disagreements", Integer, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("used", Float, nullable=False),
    Column("stamp", Integer, nullable=False, server_default="0"),
    UniqueConstraint("class_id", "version"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("procedure_id", Integer, ForeignKey("procedures.id", ondelete="CASCADE"), nullable=False),
    Column("stage", String, nullable=False),
    Column("passed", Integer, nullable=False),
    Column("detail", String, nullable=False),
    Column("outvoted", String, nullable=False),
    Column("created", Float, nullable=False),
)

contrasts = Table(
    "contrasts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("namespace", String, nullable=False),
    Column("vary", String, nullable=False),
    Column("engine", String, nullable=False),
    Column("text", String, nullable=False),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("retry_at", Float, nullable=False),
    Column("reason", String, nullable=False),
    Column("model", String, nullable=False),
    Column("prompt_digest", String, nullable=False),
    Column("created", Float, nullable=False),
)

wordings = Table(
    "wordings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("contrast_id", Integer, ForeignKey("contrasts.id", ondelete="CASCADE"), nullable=False),
    Column("sense", String, nullable=False),
    Column("text", String, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("contrast_id", "text"),
)

judgements = Table(
    "judgements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("key", String, nullable=False),
    Column("text", String, nullable=False),
    Column("wording", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("right", Integer),
    Column("arm", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("created", Float, nullable=False),
)

labels = Table(
    "labels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("source", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("right", Integer, nullable=False),
    Column("created", Float, nullable=False),
)

pairs = Table(
    "pairs",
    metadata,
    Column("namespace", String, primary_key=True),
    Column("collection", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
    Column("created", Float, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("day", String, primary_key=True),
    Column("namespace", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", Integer, nullable=False),
)

_M001: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    # AUTOINCREMENT: an id is never used twice, so `id > last` finds every new row, and an old id never means a new row.
    """CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL,
    vary TEXT NOT NULL, engine TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, answer TEXT NOT NULL, payload TEXT,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, created REAL NOT NULL, expires REAL,
    used REAL NOT NULL, uses INTEGER NOT NULL, vector BLOB, fingerprint TEXT)""",
    "CREATE INDEX entries_used ON entries (used, id)",
    "CREATE INDEX entries_expires ON entries (expires) WHERE expires IS NOT NULL",
    "CREATE INDEX entries_scope ON entries (namespace, vary, engine)",
    """CREATE TABLE aliases (key TEXT PRIMARY KEY, entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    text TEXT NOT NULL, score REAL NOT NULL, created REAL NOT NULL)""",
    "CREATE INDEX aliases_entry ON aliases (entry_id)",
    """CREATE TABLE classes (id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, vary TEXT NOT NULL,
    engine TEXT NOT NULL, background TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, retry_at REAL NOT NULL,
    reason TEXT NOT NULL, created REAL NOT NULL)""",
    "CREATE INDEX classes_context ON classes (namespace, vary)",
    """CREATE TABLE cases (id INTEGER PRIMARY KEY AUTOINCREMENT,
    class_id INTEGER NOT NULL REFERENCES classes (id) ON DELETE CASCADE, key TEXT NOT NULL, text TEXT NOT NULL,
    answer TEXT NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, verdict TEXT NOT NULL,
    procedure_id INTEGER, created REAL NOT NULL, UNIQUE (class_id, key))""",
    "CREATE INDEX cases_key ON cases (key)",
    """CREATE TABLE procedures (id INTEGER PRIMARY KEY AUTOINCREMENT,
    class_id INTEGER NOT NULL REFERENCES classes (id) ON DELETE CASCADE, version INTEGER NOT NULL,
    namespace TEXT NOT NULL, vary TEXT NOT NULL, engine TEXT NOT NULL, state TEXT NOT NULL, intent TEXT NOT NULL,
    answer_kind TEXT NOT NULL, staticity TEXT NOT NULL, patterns TEXT NOT NULL, examples TEXT NOT NULL,
    near_misses TEXT NOT NULL, source TEXT NOT NULL, model TEXT NOT NULL, prompt_digest TEXT NOT NULL,
    evidence TEXT NOT NULL, agreements INTEGER NOT NULL, disagreements INTEGER NOT NULL, hits INTEGER NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL, UNIQUE (class_id, version))""",
    "CREATE INDEX procedures_context ON procedures (namespace, vary, state)",
    """CREATE TABLE counters (day TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (day, namespace, name))""",
    "INSERT INTO meta (name, value) VALUES ('entries', 0), ('procedures', 0)",
    # Uses and counts do not raise a generation: they change at every flush and make nothing in memory wrong.
    """CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'entries'; END""",
    """CREATE TRIGGER aliases_deleted AFTER DELETE ON aliases BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'entries'; END""",
    """CREATE TRIGGER procedures_inserted AFTER INSERT ON procedures BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'procedures'; END""",
    """CREATE TRIGGER procedures_deleted AFTER DELETE ON procedures BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'procedures'; END""",
    """CREATE TRIGGER procedures_changed AFTER UPDATE OF state, patterns, source ON procedures BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'procedures'; END""",
)

_M002: Final = (
    # A row for every finding: an audit adds one, instead of writing all the evidence of a version again.
    """CREATE TABLE findings (id INTEGER PRIMARY KEY AUTOINCREMENT,
    procedure_id INTEGER NOT NULL REFERENCES procedures (id) ON DELETE CASCADE, stage TEXT NOT NULL,
    passed INTEGER NOT NULL, detail TEXT NOT NULL, outvoted TEXT NOT NULL DEFAULT '[]', created REAL NOT NULL)""",
    "CREATE INDEX findings_procedure ON findings (procedure_id)",
    """INSERT INTO findings (procedure_id, stage, passed, detail, created)
    SELECT p.id, json_extract(f.value, '$.stage'), json_extract(f.value, '$.passed'), json_extract(f.value, '$.detail'),
    p.created FROM procedures AS p, json_each(p.evidence) AS f""",
    "ALTER TABLE procedures DROP COLUMN evidence",
    "ALTER TABLE procedures ADD COLUMN parent INTEGER",
    "ALTER TABLE procedures ADD COLUMN origin TEXT NOT NULL DEFAULT 'compiled'",
    "ALTER TABLE procedures ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE classes ADD COLUMN widenings INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE procedures ADD COLUMN proven TEXT NOT NULL DEFAULT '[]'",
    # What is pinned must not be merged or retired by somebody who read it before.
    "DROP TRIGGER procedures_changed",
    """CREATE TRIGGER procedures_changed AFTER UPDATE OF state, patterns, source, pinned, proven ON procedures BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'procedures'; END""",
)

_M003: Final = (
    # Keyed by the request, not by the entry: answers expire and are renewed, what the question means stays.
    """CREATE TABLE contrasts (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL,
    vary TEXT NOT NULL, engine TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL,
    retry_at REAL NOT NULL, reason TEXT NOT NULL, model TEXT NOT NULL, prompt_digest TEXT NOT NULL, created REAL NOT NULL)""",
    "CREATE INDEX contrasts_text ON contrasts (namespace, text)",
    """CREATE TABLE wordings (id INTEGER PRIMARY KEY AUTOINCREMENT,
    contrast_id INTEGER NOT NULL REFERENCES contrasts (id) ON DELETE CASCADE, sense TEXT NOT NULL, text TEXT NOT NULL,
    vector BLOB NOT NULL, fingerprint TEXT NOT NULL, origin TEXT NOT NULL, created REAL NOT NULL,
    UNIQUE (contrast_id, text))""",
    """CREATE TABLE judgements (id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, fingerprint TEXT NOT NULL,
    key TEXT NOT NULL, text TEXT NOT NULL, wording TEXT NOT NULL, rule TEXT NOT NULL, score REAL NOT NULL, right INTEGER,
    arm TEXT NOT NULL, origin TEXT NOT NULL, created REAL NOT NULL)""",
    "CREATE INDEX judgements_rule ON judgements (namespace, fingerprint, rule)",
    "CREATE INDEX judgements_key ON judgements (key)",
)

_M004: Final = (
    # The generation at which each procedure was changed last: of a thousand, only those that changed are read again.
    "ALTER TABLE procedures ADD COLUMN stamp INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX procedures_context",
    "CREATE INDEX procedures_context ON procedures (namespace, vary, state, id, stamp)",
    "DROP TRIGGER procedures_inserted",
    "DROP TRIGGER procedures_changed",
    """CREATE TRIGGER procedures_inserted AFTER INSERT ON procedures BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'procedures';
    UPDATE procedures SET stamp = (SELECT value FROM meta WHERE name = 'procedures') WHERE id = NEW.id; END""",
    """CREATE TRIGGER procedures_changed AFTER UPDATE OF state, patterns, source, pinned, proven ON procedures BEGIN
    UPDATE meta SET value = value + 1 WHERE name = 'procedures';
    UPDATE procedures SET stamp = (SELECT value FROM meta WHERE name = 'procedures') WHERE id = NEW.id; END""",
)

_M005: Final = (
    # Which rows are of another embedder must be known at once, and how many is what the progress is told by.
    "CREATE INDEX entries_fingerprint ON entries (fingerprint) WHERE fingerprint IS NOT NULL",
    "CREATE INDEX wordings_fingerprint ON wordings (fingerprint)",
)

_M006: Final = (
    # Pairs that somebody labelled are no hits: apart from the judgements, and of their texts nothing but the score is kept.
    """CREATE TABLE labels (id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, fingerprint TEXT NOT NULL,
    source TEXT NOT NULL, score REAL NOT NULL, right INTEGER NOT NULL, created REAL NOT NULL)""",
    "CREATE INDEX labels_source ON labels (namespace, fingerprint, source)",
)

_M007: Final = (
    # Whatever takes an entry away (a new answer, age, eviction, a person) takes it off the lines of its neighbours: by the
    # time anybody looks there is nothing to compare it with.
    "CREATE INDEX wordings_neighbours ON wordings (text) WHERE origin = 'neighbour'",
    """CREATE TRIGGER entries_neighbours AFTER DELETE ON entries BEGIN
    DELETE FROM wordings WHERE origin = 'neighbour' AND text = OLD.text AND EXISTS (SELECT 1 FROM contrasts AS c
    WHERE c.id = wordings.contrast_id AND c.namespace = OLD.namespace AND c.vary = OLD.vary AND c.engine = OLD.engine);
    END""",
)

_M008: Final = (
    # What applications keep beside answers (ingested nodes, embeddings): no entry, so that it neither takes the place of answers
    # nor counts as one.
    """CREATE TABLE pairs (namespace TEXT NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    created REAL NOT NULL, PRIMARY KEY (namespace, collection, key)) WITHOUT ROWID""",
)

MIGRATIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("m001_first", _M001),
    ("m002_life", _M002),
    ("m003_contrast", _M003),
    ("m004_stamp", _M004),
    ("m005_spaces", _M005),
    ("m006_labels", _M006),
    ("m007_neighbours", _M007),
    ("m008_pairs", _M008),
)
"""Append only: a migration that was ever in a release is never changed."""
