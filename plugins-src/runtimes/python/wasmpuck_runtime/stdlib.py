"""The part of the standard library that scripts can import: what is loaded before the snapshot.

Each module costs size of the component, but no memory of an instance until it is used.
"""

from __future__ import annotations

import importlib

__all__ = ["MODULES", "load"]

MODULES = (
    "__future__", "abc", "array", "ast", "atexit", "base64", "binascii", "bisect", "builtins", "calendar", "cmath",
    "codecs", "collections", "collections.abc", "colorsys", "configparser", "contextlib", "contextvars", "copy",
    "copyreg", "csv", "dataclasses", "datetime", "decimal", "difflib", "email", "email.headerregistry",
    "email.message", "email.parser", "email.policy", "email.utils", "enum", "errno", "fnmatch", "fractions",
    "functools", "gc", "getopt", "graphlib", "gzip", "hashlib", "heapq", "hmac", "html", "html.entities",
    "html.parser", "http", "http.cookies", "importlib", "importlib.abc", "importlib.machinery", "importlib.util",
    "inspect", "io", "ipaddress", "itertools", "json", "keyword", "linecache", "locale", "logging", "math",
    "mimetypes", "numbers", "operator", "os", "os.path", "pathlib", "pickle", "posixpath", "pprint", "queue",
    "quopri", "random", "re", "reprlib", "secrets", "shlex", "sqlite3", "stat", "statistics", "string",
    "stringprep", "struct", "sys", "textwrap", "threading", "time", "token", "tokenize", "tomllib", "traceback",
    "types", "typing", "unicodedata", "urllib.error", "urllib.parse", "uuid", "warnings", "weakref",
    "xml.etree.ElementTree", "xml.sax.saxutils", "zlib",
)  # fmt: skip

_CODECS = (
    "ascii", "cp1252", "hex", "idna", "iso8859-15", "latin-1", "punycode", "rot13", "unicode-escape", "utf-16",
    "utf-16-be", "utf-16-le", "utf-32", "utf-7", "utf-8", "utf-8-sig",
)  # fmt: skip


def load() -> list[str]:
    """Loads it; the modules that this interpreter does not have."""
    missing = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    import codecs

    for codec in _CODECS:
        codecs.lookup(codec)
    return missing
