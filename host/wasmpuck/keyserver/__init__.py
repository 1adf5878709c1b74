"""The use cases of a keyserver: look up, submit, load."""

from __future__ import annotations

from wasmpuck.openpgp.search import Search, SearchKind

from .admission import Accept, AcceptAll, Admission, Candidate, Quarantine, Reason, Reject, Verdict
from .finding import Found, SearchRules
from .journal import Journal, Mark
from .loading import ProgressHook, ReportHook
from .report import (
    HeldEvent,
    KeyEvent,
    LoadFailure,
    LoadProgress,
    LoadReport,
    Observer,
    Refusal,
    SubmitEntry,
    SubmitReport,
)
from .service import Keyserver
from .sources import STDIN, Source, expand
from .workers import Workers

__all__ = [
    "STDIN",
    "Accept",
    "AcceptAll",
    "Admission",
    "Candidate",
    "Found",
    "HeldEvent",
    "Journal",
    "KeyEvent",
    "Keyserver",
    "LoadFailure",
    "LoadProgress",
    "LoadReport",
    "Mark",
    "Observer",
    "ProgressHook",
    "Quarantine",
    "Reason",
    "Refusal",
    "Reject",
    "ReportHook",
    "Search",
    "SearchKind",
    "SearchRules",
    "Source",
    "SubmitEntry",
    "SubmitReport",
    "Verdict",
    "Workers",
    "expand",
]
