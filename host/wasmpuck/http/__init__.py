"""The HTTP side: the public application, what it says, and how it listens."""

from __future__ import annotations

from wasmpuck.http.app import build_application
from wasmpuck.http.client import CLIENT, OPERATION
from wasmpuck.http.server import HTTPServer, serve

__all__ = ["CLIENT", "OPERATION", "HTTPServer", "build_application", "serve"]
