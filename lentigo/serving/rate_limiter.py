"""A rate limiter: how often each of many names may do something."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_NAMES = 10_000  # that a rate limiter remembers


class RateLimiter:
    """A token bucket for each name: so many uses a second on average, and so many at once."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        """Makes the limiter.

        Args:
            rate: uses a second of one name.
            burst: uses of one name at once.
            now: a clock that never goes back, in seconds.
        """
        self.rate = rate
        self.burst = burst
        self.now = now
        self.tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and when that was

    def take(self, name: str) -> float:
        """Takes a token.

        Args:
            name: whose it is, the id of a key for instance.

        Returns:
            0 where there was one, else the seconds until there is.
        """
        now = self.now()
        # Taken out and put back at the end: the names that were not used for longest come first
        left, since = self.tokens.pop(name, (float(self.burst), now))
        left = min(self.burst, left + (now - since) * self.rate)
        wait = 0.0
        if left >= 1:
            left -= 1
        else:
            wait = (1 - left) / self.rate
        self.tokens[name] = (left, now)
        if len(self.tokens) > MAX_NAMES:  # names may come from outside: memory stays bounded
            self.tokens.popitem(last=False)
        return wait
