"""A short soak: long enough to see that nothing is lost, too short to see what grows slowly (`just soak`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.run import soak


def test_nothing_is_lost(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Beside the whole zoo no request, no gpg call and no change is lost for half a minute."""
    assert pytestconfig.cache is not None
    findings = soak(tmp_path, 25.0, compiled=pytestconfig.cache.mkdir("compiled-plugins"))
    assert findings.words == []
    assert findings.lost == {}
    for name, outcomes in findings.honest.items():
        assert outcomes, name
        assert {outcome.rpartition(" ")[2] for outcome in outcomes} == {"ok"}, name
    assert findings.asked["gpg --recv-keys"] > 0
    assert findings.asked["reload with new settings"] > 0
