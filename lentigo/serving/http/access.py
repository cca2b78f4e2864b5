"""Access: who asks, what they may do, and how often."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Any

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lentigo.serving.http.problems import ProblemError
from lentigo.serving.service import Service

LOCAL_USER = "local"  # who asks where no key is needed
FRESH = 1.0  # seconds for which it is believed that there are no keys
MAX_CLIENTS = 10_000
bearer = HTTPBearer(
    auto_error=False,
    description="A key that `lentigo keys add` made. Not needed on this machine as long as there is none.",
)


class RateLimiter:
    """Token buckets, one for each name: `rate` requests a second, `burst` at once. `now` is a clock that
    never goes back, in seconds.
    """

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self.now = rate, burst, now
        self.levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when that was

    def take(self, name: str) -> float:
        """Takes a token; 0 where there was one, else the seconds until there is."""
        now = self.now()
        left, since = self.levels.pop(name, (float(self.burst), now))
        left = min(self.burst, left + (now - since) * self.rate)
        self.levels[name] = (left - 1 if left >= 1 else left, now)
        if len(self.levels) > MAX_CLIENTS:
            self.levels.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self.rate


class Gate:
    """Lets requests through by their keys. Once the store has had a key, one is needed; on a host that others
    reach, always.
    """

    def __init__(self, service: Service) -> None:
        self.service, settings = service, service.settings
        self.buckets = RateLimiter(settings.rate, settings.burst)
        self.open_until = 0.0

    async def is_open(self) -> bool:
        """Whether no key is needed."""
        if not self.service.settings.is_local:
            return False
        if time.monotonic() >= self.open_until:
            if await self.service.call(self.service.store.list_keys):
                return False
            self.open_until = time.monotonic() + FRESH
        return True

    async def identify(self, secret: str | None, scope: str) -> str:
        """The name of who asks. Raises `ProblemError` for a key that is missing, unknown, revoked, not for
        that, or used too often.
        """
        if secret is None and await self.is_open():
            return LOCAL_USER
        key = await self.service.call(self.service.store.find_key, secret) if secret else None
        if key is None:
            raise ProblemError(
                "no-key",
                "expected the header Authorization: Bearer KEY with a key that `lentigo keys add` made and "
                "that was not revoked",
            )
        if scope not in key.scopes:
            raise ProblemError(
                "not-allowed",
                f"the key {key.name!r} is not for {scope!r}; make one that is: `lentigo keys add NAME "
                f"--scopes {scope}`",
            )
        if wait := self.buckets.take(key.id):
            raise ProblemError(
                "too-many",
                f"more than {self.buckets.rate:g} requests a second with one key",
                headers={"Retry-After": str(ceil(wait))},
            )
        return key.name


def require(scope: str) -> Any:
    """A parameter of a route: the name of who asks, who may do `scope`."""

    async def identify(
        request: Request, given: HTTPAuthorizationCredentials | None = Security(bearer)
    ) -> str:
        who = await request.app.state.gate.identify(given and given.credentials, scope)
        request.state.visit.who = who
        return who

    return Security(identify)
