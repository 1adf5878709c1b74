"""The use cases of a keyserver: look up, submit, load."""

from __future__ import annotations

from wasmpuck.openpgp.search import Search, SearchKind

from .admission import Accept, AcceptAll, Admission, Reject
from .finding import Found, SearchRules
from .report import KeyEvent, LoadFailure, LoadProgress, LoadReport, Observer, SubmitEntry, SubmitReport
from .service import Keyserver
from .workers import Workers

__all__ = [
    "Accept",
    "AcceptAll",
    "Admission",
    "Found",
    "KeyEvent",
    "Keyserver",
    "LoadFailure",
    "LoadProgress",
    "LoadReport",
    "Observer",
    "Reject",
    "Search",
    "SearchKind",
    "SearchRules",
    "SubmitEntry",
    "SubmitReport",
    "Workers",
]
