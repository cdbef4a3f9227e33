"""seglam: a reasoning cache. The language model is a compiler, not a runtime.

from seglam import Cache, Request, Response

with Cache.open("seglam.db", compiler=ask_my_model) as cache:
    response = cache.respond(Request(text="..."), origin)
"""

from seglam.agreement import Tolerance
from seglam.cache import Cache
from seglam.contexts import bypass, only_if_cached, record, refresh, replay, tenant
from seglam.curator import Account, Curator
from seglam.errors import (
    ConfigurationError,
    EmbedderError,
    MissingExtraError,
    NewerSchemaError,
    NotACacheError,
    OnlyIfCachedError,
    PatternError,
    ProcedureError,
    ReplayError,
    ReplyError,
    SeglamError,
    StoreAccessError,
    StoreError,
    TapeError,
)
from seglam.exchange import (
    Control,
    Entry,
    Hit,
    Miss,
    Request,
    Response,
    Reuse,
    TierName,
    Usage,
    Why,
    canonical,
    digest,
    vary_digest,
)
from seglam.judging import ByValue, Judge, ModelJudge
from seglam.ledger import Stats
from seglam.lifetimes import Rule
from seglam.llm import Completion, Model
from seglam.policy import Policy
from seglam.procedure import Procedure, State
from seglam.reranking import CrossEncoderVerifier, Verifier
from seglam.thresholds import Fitted, Fixed, Judged, PerEntry, Split, Threshold

__version__ = "0.1.0"

__all__ = [
    "Account",
    "ByValue",
    "Cache",
    "Completion",
    "ConfigurationError",
    "Control",
    "CrossEncoderVerifier",
    "Curator",
    "EmbedderError",
    "Entry",
    "Fitted",
    "Fixed",
    "Hit",
    "Judge",
    "Judged",
    "Miss",
    "MissingExtraError",
    "Model",
    "ModelJudge",
    "NewerSchemaError",
    "NotACacheError",
    "OnlyIfCachedError",
    "PatternError",
    "PerEntry",
    "Policy",
    "Procedure",
    "ProcedureError",
    "ReplayError",
    "ReplyError",
    "Request",
    "Response",
    "Reuse",
    "Rule",
    "SeglamError",
    "Split",
    "State",
    "Stats",
    "StoreAccessError",
    "StoreError",
    "TapeError",
    "Threshold",
    "TierName",
    "Tolerance",
    "Usage",
    "Verifier",
    "Why",
    "bypass",
    "canonical",
    "digest",
    "only_if_cached",
    "record",
    "refresh",
    "replay",
    "tenant",
    "vary_digest",
]
