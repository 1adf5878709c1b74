"""What the server counts, and the page that Prometheus reads."""

from __future__ import annotations

from wasmpuck.metrics.collectors import EXPOSITION_CONTENT_TYPE, Metrics

__all__ = ["EXPOSITION_CONTENT_TYPE", "Metrics"]
