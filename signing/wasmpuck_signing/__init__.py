"""Sign and verify Wasmpuck plugins. Needs nothing of the server: an author can install it alone."""

from __future__ import annotations

from .errors import KeyFault, KeyringFault, Refused, SigningError
from .keyring import Keyring, Publisher
from .keys import DEMONSTRATION_KEY_IDS, PrivateKey, PublicKey
from .manifest import Manifest
from .pack import pack
from .verify import DEFAULT_MAX_BYTES, VerifiedBytes, read_unverified, verify
from .version import Version

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_MAX_BYTES",
    "DEMONSTRATION_KEY_IDS",
    "KeyFault",
    "Keyring",
    "KeyringFault",
    "Manifest",
    "PrivateKey",
    "PublicKey",
    "Publisher",
    "Refused",
    "SigningError",
    "VerifiedBytes",
    "Version",
    "__version__",
    "pack",
    "read_unverified",
    "verify",
]
