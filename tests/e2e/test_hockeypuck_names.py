"""Dashboards and crawlers made for Hockeypuck find what they know: names, kinds, labels, fields of statistics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.certificates import armored, generate, revocation_of
from e2e.client import ask, lookup, upload
from e2e.command import Running, wasmpuck_serve
from e2e.processes import command
from wasmpuck.metrics import Metrics
from wasmpuck.metrics.hockeypuck import NAMES

CONFIGURATION = '[server]\nhostname = "keys.example.org"\ncontact = "ops@example.org"\n'
_BUCKETS = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 60 300 600 1800 3600 +Inf"
BUCKETS = _BUCKETS.split()
"""Of Hockeypuck's histogram, as its page has them: Go's default ones, and five more."""
HISTOGRAM = "hockeypuck_http_request_duration_seconds"
LINE = re.compile(r'(hockeypuck_\w+)(?:\{((?:\w+="[^"]*",?)+)\})? (\S+)')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its things."""
    return tmp_path_factory.mktemp("dashboards")


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    """A server of its own, so that its counters begin at 0."""
    with wasmpuck_serve(folder, CONFIGURATION) as server:
        yield server


def page_of(server: Running) -> str:
    """The page that Prometheus reads."""
    answer = ask(server.admin, "GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.text


def samples(page: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Hockeypuck's samples of a page, by name and labels."""
    return {
        (found[1], tuple(sorted(re.findall(r'(\w+)="([^"]*)"', found[2] or "")))): float(found[3])
        for found in map(LINE.fullmatch, page.splitlines())
        if found is not None
    }


def test_counters_and_histogram_follow_real_traffic(running: Running, folder: Path) -> None:
    """Every upload, look-up and deletion counts once under Hockeypuck's names; buckets, sum and count agree."""
    key = generate("Counted <counted@example.org>")
    certificate = key.extract_certificate()
    before = samples(page_of(running))
    assert all(before["hockeypuck_keys_" + word, ()] == 0 for word in ("added", "updated", "removed", "ignored"))
    for text in (armored(certificate), armored(certificate), "nonsense"):
        upload(running.url, text)
    revoked = bytes(certificate) + revocation_of(key)
    answer = ask(running.url, "POST", "/pks/add", revoked, {"Content-Type": "application/pgp-keys"})
    assert answer.status == 200
    assert lookup(running.url, "get", f"0x{certificate.fingerprint}").status == 200
    assert lookup(running.url, "get", "nobody@example.org").status == 404
    assert command("keys", "delete", "--data", str(folder / "data"), certificate.fingerprint).returncode == 0
    after = samples(page_of(running))
    assert after["hockeypuck_keys_added", ()] == 1
    assert after["hockeypuck_keys_ignored", ()] == 1
    assert after["hockeypuck_keys_updated", ()] == 1
    assert after["hockeypuck_keys_removed", ()] == 1

    def requests(method: str, status: str) -> float:
        labels = (("method", method), ("status_code", status))
        buckets = [after[f"{HISTOGRAM}_bucket", (("le", bound), *labels)] for bound in BUCKETS]
        assert buckets == sorted(buckets)
        assert buckets[-1] == after[f"{HISTOGRAM}_count", labels]
        assert after[f"{HISTOGRAM}_sum", labels] > 0
        return buckets[-1]

    assert requests("POST", "200") == 3
    assert requests("POST", "400") == 1
    assert requests("GET", "200") == 1
    assert requests("GET", "404") == 1
    counted = {dict(labels)["method"] for name, labels in after if name == f"{HISTOGRAM}_count"}
    assert counted == {"GET", "POST"}


def test_names_kinds_and_labels_are_hockeypucks(running: Running) -> None:
    """Each name stands on the page once, with the kind and the labels that dashboards expect, and the page is valid."""
    lookup(running.url, "stats", "")
    page = page_of(running)
    kinds = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    assert len(kinds) == len({name for name, _ in kinds})
    assert {name: kind for name, kind in kinds if name.startswith("hockeypuck_")} == {
        "hockeypuck_keys_added": "counter",
        "hockeypuck_keys_updated": "counter",
        "hockeypuck_keys_removed": "counter",
        "hockeypuck_keys_ignored": "counter",
        HISTOGRAM: "histogram",
    }
    for name, labels in samples(page):
        known = next(each for each in NAMES if name.startswith(each))
        assert {label for label, _ in labels} - {"le"} == set(NAMES[known][1])
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert families[HISTOGRAM].type == "histogram"
    assert "process_cpu_seconds_total" in page


def test_statistics_have_hockeypucks_fields(running: Running) -> None:
    """Crawlers find every field that makes sense without reconciliation, in the forms that they know."""
    said = ask(running.url, "GET", "/pks/lookup?op=stats&options=mr").json
    assert said["queryConfig"] == {
        "selfSignedOnly": False,
        "keywordSearchDisabled": True,
        "enableInexactMatching": False,
    }
    assert (said["hostname"], said["nodename"], said["contact"]) == (
        "keys.example.org",
        "keys.example.org",
        "ops@example.org",
    )
    assert said["httpAddr"] == "127.0.0.1:0"
    assert (said["peers"], said["pksTargets"]) == ([], [])
    assert isinstance(said["total"], int)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said["now"])
    assert {"version", "software"} <= said.keys()
    tally = {"Time", "Inserted", "Updated", "Removed", "InsertedJitter", "RemovedJitter"}
    assert all(each.keys() == tally for each in (*said["hourly"], *said["daily"]))
    assert said["hourly"]
    assert said.keys() - {"queryConfig"} == ask(running.url, "GET", "/pks/stats?options=json").json.keys() - {
        "queryConfig"
    }


def test_the_names_can_be_left_out() -> None:
    """`metrics.hockeypuckNames = false` is a page of our own names alone."""
    page = Metrics(process=False, hockeypuck_names=False).render()
    assert b"wasmpuck_store_keys" in page
    assert b"hockeypuck_keys" not in page


def test_methods_cannot_flood_the_metrics() -> None:
    """Clients choose methods, so those that HTTP does not define share one series."""
    metrics = Metrics(process=False)
    for number in range(500):
        metrics.request_began()
        metrics.request_ended(f"METHOD{number}", "other", 405, 0.001, 0)
    counted = {
        labels: value for (name, labels), value in samples(metrics.render().decode()).items() if "_count" in name
    }
    assert counted == {(("method", "other"), ("status_code", "405")): 500}
