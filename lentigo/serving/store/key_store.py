"""The keys of the store: who may use the service, and for what."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, timedelta

from sqlalchemy import insert, update

from lentigo.errors import UsageError
from lentigo.serving.store.records import SCOPES, Key
from lentigo.serving.store.rows import KEYS, to_key
from lentigo.serving.store.session import StoreSession, name_duplicate
from lentigo.serving.store.tables import keys

USE_INTERVAL = timedelta(minutes=1)  # between two writes of a key's last use
RESERVED_NAMES = frozenset({"command line", "local"})  # that the audit trail uses where nobody used a key
SECRET_PREFIX = "lentigo_"  # so that scanners for leaked secrets know keys
SECRET_BYTES = 32


class KeyStore(StoreSession):
    """The keys. Every method may raise `StoreError`."""

    def add_key(self, name: str, scopes: Iterable[str]) -> tuple[Key, str]:
        """Makes a key. The store keeps only the SHA-256 of its secret, so nobody can read it again.

        A plain hash is enough: the secret is 256 random bits, so that there are no likely ones to try, which
        is what slow and salted hashes of passwords defend against.

        Args:
            name: whose key it is; the audit trail knows keys by name.
            scopes: what it may do, of `SCOPES`.

        Returns:
            The key and its secret.

        Raises:
            UsageError: the name was used before, also by a revoked key, or a scope is unknown.
        """
        ordered_scopes = check_key(name, tuple(scopes))
        secret = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        key = Key(str(uuid.uuid4()), name, self.now().astimezone(UTC), ordered_scopes)
        row = {
            "id": key.id,
            "name": name,
            "created": key.created,
            "scopes": ",".join(key.scopes),
            "hash": hash_secret(secret),
        }
        message = f"a key was named {name!r} before; expected another name"
        with self._writing() as connection, name_duplicate(message):
            connection.execute(insert(keys), row)
        return key, secret

    def revoke_key(self, name: str) -> Key:
        """Ends a key; one that was revoked before keeps the time of that.

        Args:
            name: the name of the key.

        Returns:
            The key as it is now.

        Raises:
            UsageError: no key has that name.
        """
        is_active = (keys.c.name == name) & keys.c.revoked.is_(None)
        with self._writing() as connection:
            connection.execute(update(keys).where(is_active).values(revoked=self.now()))
            row = connection.execute(KEYS.where(keys.c.name == name)).first()
        if row is None:
            raise UsageError(f"no key is named {name[:200]!r}; expected one that `lentigo keys list` shows")
        return to_key(row)

    def list_keys(self) -> tuple[Key, ...]:
        """Lists all keys, the revoked ones among them.

        Returns:
            The keys in the order in which they were made.
        """
        with self._reading() as connection:
            rows = connection.execute(KEYS.order_by(keys.c.number)).all()
        return tuple(to_key(row) for row in rows)

    def find_key(self, secret: str) -> Key | None:
        """Finds the key of a secret. Its last use is written at most once a minute.

        What is compared is a hash, in constant time: how long it takes says nothing about the secret.

        Args:
            secret: what the request carries.

        Returns:
            The key; None where it is unknown or revoked.
        """
        hashed = hash_secret(secret)
        query = KEYS.add_columns(keys.c.hash).where(keys.c.hash == hashed)
        with self._reading() as connection:
            row = connection.execute(query).first()
        if row is None or not hmac.compare_digest(row.hash, hashed) or row.revoked is not None:
            return None
        return self._write_use(to_key(row))

    def _write_use(self, key: Key) -> Key:
        """Writes the last use of a key, unless that was within the minute; one in the future was written by a
        clock that has jumped back.
        """
        now = self.now().astimezone(UTC)
        if key.used is not None and abs(now - key.used) < USE_INTERVAL:
            return key
        with self._writing() as connection:
            connection.execute(update(keys).where(keys.c.id == key.id).values(used=now))
        return replace(key, used=now)


def check_key(name: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of a new key in the order of `SCOPES`. Raises `UsageError` for a name or a scope that cannot
    be had.
    """
    if normalise_name(name) in RESERVED_NAMES:
        names = ", ".join(sorted(RESERVED_NAMES))
        raise UsageError(f"key {name!r}: expected a name that the audit trail itself does not use ({names})")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes or not name.strip():
        given = ", ".join(unknown or scopes) or "nothing"
        raise UsageError(
            f"key {name!r} for {given}: expected a name and some of the scopes {', '.join(SCOPES)}"
        )
    return tuple(scope for scope in SCOPES if scope in scopes)


def normalise_name(name: str) -> str:
    """A name without what the eye does not tell apart: case, full-width letters, spaces.

    >>> normalise_name(" Command  LINE ")
    'command line'
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def hash_secret(secret: str) -> str:
    """SHA-256, as 64 hexadecimal digits; of any text that a request may hold."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
