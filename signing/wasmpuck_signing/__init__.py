"""Sign and verify Wasmpuck plugins. Needs nothing of the server: an author can install it alone."""

from __future__ import annotations

from .errors import KeyFault, KeyringFault, Refused, SigningError
from .keyring import Keyring, Publisher
from .keys import DEMONSTRATION_KEY_IDS, PrivateKey, PublicKey
from .manifest import Manifest
from .needs import NeededRuntime
from .pack import pack, pack_script
from .requirement import Requirement
from .script import Script
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
    "NeededRuntime",
    "PrivateKey",
    "PublicKey",
    "Publisher",
    "Refused",
    "Requirement",
    "Script",
    "SigningError",
    "VerifiedBytes",
    "Version",
    "__version__",
    "pack",
    "pack_script",
    "read_unverified",
    "verify",
]
