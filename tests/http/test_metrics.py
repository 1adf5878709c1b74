"""What the metrics say after things have happened."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from e2e.certificates import armored, generate
from e2e.client import ask, lookup, upload
from e2e.serving import ServerThread
from wasmpuck.metrics import Metrics


def values(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_requests_bytes_and_keys_are_counted(running: ServerThread) -> None:
    """Each request counts under its operation and status, each certificate under what became of it."""
    certificate = generate("Counted <counted@example.org>").extract_certificate()
    before = values(running.metrics)
    upload(running.url, armored(certificate))
    upload(running.url, armored(certificate))
    upload(running.url, "nonsense")
    answer = lookup(running.url, "get", "counted@example.org")
    ask(running.url, "HEAD", f"/pks/lookup?op=get&search=0x{certificate.fingerprint}")
    after = values(running.metrics)

    def grew(name: str, **labels: str) -> float:
        sample = (name, tuple(sorted(labels.items())))
        return after.get(sample, 0.0) - before.get(sample, 0.0)

    assert grew("wasmpuck_http_requests_total", operation="add", status="200") == 2
    assert grew("wasmpuck_http_requests_total", operation="add", status="400") == 1
    assert grew("wasmpuck_http_requests_total", operation="get", status="200") == 2
    assert grew("wasmpuck_http_request_duration_seconds_count", operation="get", status="200") == 2
    assert grew("wasmpuck_store_submitted_keys_total", origin="upload", outcome="inserted") == 1
    assert grew("wasmpuck_store_submitted_keys_total", origin="upload", outcome="ignored") == 1
    assert grew("wasmpuck_store_keys") == 1
    assert grew("wasmpuck_http_received_bytes_total") > len(armored(certificate))
    assert len(answer.body) < grew("wasmpuck_http_sent_bytes_total") < len(answer.body) + 2000
    assert after["wasmpuck_http_requests_in_flight", ()] == 0


def test_reasons_cannot_flood_the_metrics() -> None:
    """Plugins choose the codes of refusals, so only so many of them get a series of their own."""
    metrics = Metrics(process=False)
    metrics.submitted("upload", inserted=0, updated=0, ignored=0, rejected=[f"reason-{n}" for n in range(200)])
    counted = {
        labels[0][1]: value
        for (name, labels), value in values(metrics).items()
        if name == "wasmpuck_store_rejected_keys_total"
    }
    assert len(counted) == 65
    assert counted["other"] == 136
    assert counted["reason-0"] == 1


def test_two_servers_do_not_share_their_counts() -> None:
    """Each has a registry of its own; one may export the process's series too."""
    one, other = Metrics(process=False), Metrics()
    one.store_counted(5)
    assert values(one)["wasmpuck_store_keys", ()] == 5
    assert values(other)["wasmpuck_store_keys", ()] == 0
    assert any(name.startswith("python_info") for name, _ in values(other))
