"""Signatures of checkpoints: Ed25519, as PEM files that ``openssl genpkey -algorithm ed25519`` makes as well."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_FILE, PUBLIC_FILE = "signing.key", "signing.pub"
_MOST_BYTES = 16 * 1024


class SigningKeyError(Exception):
    """A key that cannot be read, or that is none."""


class Signer:
    """Signs with one private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = b64encode(private.public_key().public_bytes_raw()).decode()

    def sign(self, words: bytes) -> str:
        """Return the signature in base64."""
        return b64encode(self._private.sign(words)).decode()


def signed(public: str, words: bytes, signature: str) -> bool:
    """Say whether *signature* is of *words* by the owner of the key *public*, both in base64."""
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(public, validate=True)).verify(
            b64decode(signature, validate=True), words
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def signer(path: Path) -> Signer:
    """Return what signs with the private key in the PEM file *path*; raises SigningKeyError and OSError."""
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES)
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"{path}: is not a private key in PEM without a password") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyError(
            f"{path}: is not an Ed25519 key; make one with: openssl genpkey -algorithm ed25519 -out {path}"
        )
    return Signer(private)


def own_signer(folder: Path) -> Signer:
    """Return what signs with the key of *folder*, which is made when there is none, for this user alone."""
    path = folder / KEY_FILE
    if not path.exists():
        _make(folder, path)
    return signer(path)


def public_key(path: Path) -> str:
    """Return the public key of a PEM file in base64; raises SigningKeyError and OSError."""
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(f"{path}: is not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{path}: is not an Ed25519 key")
    return b64encode(key.public_bytes_raw()).decode()


def _make(folder: Path, path: Path) -> None:
    """Write a new pair of keys; of several gateways that begin at once the first one's stays."""
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own = folder / f".{KEY_FILE}.{os.getpid()}"
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(own, path)
    except FileExistsError:
        return
    finally:
        own.unlink()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / PUBLIC_FILE).write_bytes(public)
