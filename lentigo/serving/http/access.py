"""Access: which key a request carries, what it may do, and how often."""

from __future__ import annotations

import time
from math import ceil
from typing import Any

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lentigo.serving.http.problems import ProblemError
from lentigo.serving.rate_limiter import RateLimiter
from lentigo.serving.service import Service
from lentigo.serving.store.records import Key

LOCAL_USER = "local"  # the name of whoever sends requests where no key is needed
NO_KEY_SECONDS = 1.0  # for which it is believed that the store has no key
bearer = HTTPBearer(
    auto_error=False,
    description="A key that `lentigo keys add` made. Not needed on this machine as long as there is none.",
)


class AccessControl:
    """Lets requests through by their keys. Once the store has had a key, one is needed; on a host that others
    reach, always.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.rate_limiter = RateLimiter(service.settings.rate, service.settings.burst)
        self.open_until = 0.0  # by `time.monotonic`: until then the store is not asked for keys again

    async def is_open(self) -> bool:
        """Finds whether no key is needed.

        Returns:
            True where the service is local and its store never had a key.
        """
        if not self.service.settings.is_local:
            return False
        if time.monotonic() >= self.open_until:
            # Revoked ones count: a store that was closed once does not open again
            if await self.service.call(self.service.store.list_keys):
                return False
            self.open_until = time.monotonic() + NO_KEY_SECONDS
        return True

    async def identify(self, secret: str | None, scope: str) -> str:
        """Finds the name of a key.

        Args:
            secret: the key itself, None where the request has none.
            scope: what the request needs: "read", "predict" or "review".

        Returns:
            The key's name, or `LOCAL_USER`.

        Raises:
            ProblemError: the key is missing, unknown, revoked, not for that, or used too often.
        """
        if secret is None and await self.is_open():
            return LOCAL_USER
        key = await self._find_key(secret)
        if scope not in key.scopes:
            raise ProblemError(
                "not-allowed",
                f"the key {key.name!r} is not for {scope!r}; make one that is: `lentigo keys add NAME "
                f"--scopes {scope}`",
            )
        self._limit_rate(key)
        return key.name

    async def _find_key(self, secret: str | None) -> Key:
        """The key of a secret. Raises `ProblemError` where there is none."""
        key = None
        if secret:
            key = await self.service.call(self.service.store.find_key, secret)
        if key is None:
            raise ProblemError(
                "no-key",
                "expected the header Authorization: Bearer KEY with a key that `lentigo keys add` made and "
                "that was not revoked",
            )
        return key

    def _limit_rate(self, key: Key) -> None:
        """Counts a request. Raises `ProblemError` where one key sends too many."""
        wait = self.rate_limiter.take(key.id)
        if wait:
            raise ProblemError(
                "too-many",
                f"more than {self.rate_limiter.rate:g} requests a second with one key",
                headers={"Retry-After": str(ceil(wait))},
            )


def require(scope: str) -> Any:
    """Makes a parameter of a route: the name of the key, which must be for a scope.

    Args:
        scope: "read", "predict" or "review".

    Returns:
        The marker that FastAPI reads.
    """

    async def identify(
        request: Request, given: HTTPAuthorizationCredentials | None = Security(bearer)
    ) -> str:
        secret = None if given is None else given.credentials
        who = await request.app.state.access.identify(secret, scope)
        request.state.info.who = who
        return who

    return Security(identify)
