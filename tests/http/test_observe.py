"""Operations: what requests are called for plugins and on the metrics page."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from wasmpuck.http.observe import operation_of


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/pks/lookup?op=vindex&search=x", "vindex"),
        ("GET", "/pks/lookup?op=x-mine", "other"),
        ("POST", "/pks/add", "add"),
        ("POST", "/pks/v2/certs", "add"),
        ("PUT", "/pks/v2/canonical/a@example.org", "add"),
        ("POST", "/vks/v1/upload", "add"),
        ("GET", "/pks/v2/canonical/a@example.org", "get"),
        ("GET", "/pks/v2/certs/by-keyid/0123456789abcdef", "get"),
        ("GET", "/pks/v2/index/a@example.org", "index"),
        ("GET", "/vks/v1/by-email/a@example.org", "get"),
        ("GET", "/.well-known/openpgpkey/example.org/hu/x", "get"),
        ("GET", "/pks/v2/prefixlog/2026-01-01", "other"),
        ("POST", "/vks/v1/request-verify", "other"),
        ("GET", "/", "other"),
    ],
)
def test_operations_are_named_alike_in_every_protocol(method: str, target: str, operation: str) -> None:
    """A plugin that watches uploads or look-ups sees those of all protocols."""
    assert operation_of(make_mocked_request(method, target)) == operation
