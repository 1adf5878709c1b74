"""The same numbers under Hockeypuck's names, so that its dashboards and alerts keep working.

Nothing is counted for them: they are made of what is counted anyway, when the page is read. They are written here and
not by the client library, because Hockeypuck's counters do not end in `_total`. Left out are those about
reconciliation, which does not exist yet: `conflux_reconciliation_…`, `hockeypuck_keys_added_jitter` and
`hockeypuck_keys_removed_jitter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from wasmpuck.metrics.requests import BOUNDS, Requests

__all__ = ["NAMES", "hockeypuck_lines"]

_FASTEST = 0.005  # Go's default buckets begin here
_DURATION = "hockeypuck_http_request_duration_seconds"

NAMES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "hockeypuck_keys_added": ("counter", (), "Certificates that were new, while this server ran."),
    "hockeypuck_keys_updated": ("counter", (), "Certificates that changed, while this server ran."),
    "hockeypuck_keys_removed": ("counter", (), "Certificates that were removed, while this server ran."),
    "hockeypuck_keys_ignored": ("counter", (), "Certificates submitted that were known already."),
    _DURATION: (
        "histogram",
        ("method", "status_code"),
        "Time from complete headers to an answer that is ready to be written, by method and HTTP status.",
    ),
}
"""Kind, labels and meaning by name; the kinds and labels are Hockeypuck's."""


def hockeypuck_lines(keys: Mapping[str, float], requests: Requests) -> str:
    """The lines in Prometheus' text format (version 0.0.4).

    `keys` are the numbers of certificates by the ends of their names: added, updated, removed, ignored.
    """
    lines = []
    for name, (kind, _, meaning) in NAMES.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        if kind == "counter":
            lines.append(f"{name} {keys[name.removeprefix('hockeypuck_keys_')]:.15g}")
    for (method, status), tally in requests.by(lambda method, operation, status: (method, str(status))).items():
        labels = f'method="{method}",status_code="{status}"'
        sums = list(accumulate(tally.buckets))
        for bound, count in zip(BOUNDS, sums, strict=False):
            if bound >= _FASTEST:
                lines.append(f'{_DURATION}_bucket{{{labels},le="{bound:g}"}} {count}')
        lines.append(f'{_DURATION}_bucket{{{labels},le="+Inf"}} {sums[-1]}')
        lines.append(f"{_DURATION}_sum{{{labels}}} {tally.seconds!r}")
        lines.append(f"{_DURATION}_count{{{labels}}} {sums[-1]}")
    return "\n".join(lines) + "\n"
