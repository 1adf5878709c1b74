"""The configuration: frozen settings, read once from TOML, environment and command line.

`load` returns a `Configuration` or raises `ConfigurationError` with every problem of the file; it changes nothing and
can be called again at any time (SIGHUP).
"""

from __future__ import annotations

from wasmpuck.config.addresses import Address, Network
from wasmpuck.config.failures import BreakerSettings, FailureClasses
from wasmpuck.config.loading import Configuration, Source, load, parse
from wasmpuck.config.metrics import MetricsSettings
from wasmpuck.config.plugins import (
    GRANTS,
    KEY_ACTS,
    RESERVED_NAMES,
    PluginDefaults,
    PluginLimits,
    PluginSecuritySettings,
    PluginSettings,
    PluginsSettings,
)
from wasmpuck.config.reference import reference
from wasmpuck.config.rights import RightsSettings
from wasmpuck.config.search import SearchSettings
from wasmpuck.config.services import MailSettings, VKSSettings, WKDSettings
from wasmpuck.config.settings import HTTPSettings, OpenPGPSettings, ServerSettings
from wasmpuck.config.storage import DatabaseURL, StorageSettings
from wasmpuck.config.web import WebSettings

__all__ = [
    "GRANTS",
    "KEY_ACTS",
    "RESERVED_NAMES",
    "Address",
    "BreakerSettings",
    "Configuration",
    "DatabaseURL",
    "FailureClasses",
    "HTTPSettings",
    "MailSettings",
    "MetricsSettings",
    "Network",
    "OpenPGPSettings",
    "PluginDefaults",
    "PluginLimits",
    "PluginSecuritySettings",
    "PluginSettings",
    "PluginsSettings",
    "RightsSettings",
    "SearchSettings",
    "ServerSettings",
    "Source",
    "StorageSettings",
    "VKSSettings",
    "WKDSettings",
    "WebSettings",
    "load",
    "parse",
    "reference",
]
