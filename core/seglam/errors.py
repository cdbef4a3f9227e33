"""Every error that seglam raises.

The whole tree::

    SeglamError
    ├── ConfigurationError (ValueError)   an argument or a setting is wrong; names it and says what was expected
    ├── MissingExtraError (ImportError)   an optional package is not installed; says what to install
    ├── StoreError                        the file cannot be used; it is left as it was
    │   ├── NotACacheError                no SQLite file, a damaged one, or another application's
    │   ├── NewerSchemaError              written by a newer seglam
    │   └── StoreAccessError              missing directory, no permission, disk full, locked
    ├── EmbedderError                     an embedder returned something that is no embedding
    ├── ProcedureError                    a procedure is refused
    │   ├── PatternError                  a pattern that does not parse; says where
    │   ├── ReplyError                    the compiler's reply is no procedure; says what is missing
    │   └── SupersededError               the version that it was made from was refuted or retired meanwhile
    ├── TapeError                         a recorded reply is missing or the tape is damaged
    └── OnlyIfCachedError                 Control(only_if_cached=True) and nothing was cached
        └── ReplayError                   a recording is replayed that holds no answer to the call; names both

In normal use an application sees only ConfigurationError, MissingExtraError, StoreError (all at construction), OnlyIfCachedError
and ReplayError (asked for). Everything else is caught, logged, counted, and becomes a Miss.
"""


class SeglamError(Exception):
    """Root of everything that seglam raises."""


class ConfigurationError(SeglamError, ValueError):
    """An argument or a setting is wrong; the message names it and says what was expected."""


class MissingExtraError(SeglamError, ImportError):
    """An optional package is not installed; the message says what to install."""


class StoreError(SeglamError):
    """The store cannot be used; the file is left as it was."""


class NotACacheError(StoreError):
    """The path holds no SQLite file, a damaged one, or another application's database."""


class NewerSchemaError(StoreError):
    """The file was written by a newer seglam than this one."""


class StoreAccessError(StoreError):
    """The file cannot be read or written: no such directory, no permission, disk full, locked."""


class EmbedderError(SeglamError):
    """An embedder returned something that is no embedding."""


class ProcedureError(SeglamError):
    """A procedure is refused."""


class PatternError(ProcedureError):
    """A pattern does not parse; the message says where and what was expected."""


class ReplyError(ProcedureError):
    """The compiler's reply is no procedure; the message says what is missing."""


class SupersededError(ProcedureError):
    """The version that it was made from was refuted or retired meanwhile."""


class TapeError(SeglamError):
    """A recorded reply is missing, or the tape is damaged."""


class OnlyIfCachedError(SeglamError):
    """``Control(only_if_cached=True)`` was asked for and nothing was cached."""


class ReplayError(OnlyIfCachedError):
    """A recording is replayed, and it holds no answer to the call."""
