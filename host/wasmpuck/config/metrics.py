"""`[metrics]`: the page for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

from wasmpuck.config.fields import setting
from wasmpuck.config.kinds import Flag

__all__ = ["MetricsSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """`[metrics]`: what `/metrics` on the administration address gives."""

    hockeypuck_names: bool = setting(
        Flag(), True, "Also give what Hockeypuck counts, under its names, so that its dashboards keep working."
    )
