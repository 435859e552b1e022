"""API secrets at rest: encrypted, so that a dump of the database alone gives none away.

A secret must be known to check an HMAC, so it cannot be hashed. The key that encrypts it is derived from SECRET_KEY,
which is not in the database. Source: cryptography's Fernet (AES-128-CBC and HMAC-SHA256), HKDF of RFC 5869.
"""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@lru_cache(maxsize=4)
def _fernet(secret_key: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mex api secrets").derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def encrypt(secret: str) -> bytes:
    """Return the secret as it is stored."""
    return _fernet(settings.SECRET_KEY).encrypt(secret.encode())


def decrypt(stored: bytes | memoryview) -> str:
    """Return a stored secret. Raises cryptography.fernet.InvalidToken when SECRET_KEY has changed."""
    return _fernet(settings.SECRET_KEY).decrypt(bytes(stored)).decode()
