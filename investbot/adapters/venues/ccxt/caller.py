"""Asks the venue: within its limits, through the breaker, in its time; measured, and judged when it fails."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from decimal import localcontext
from typing import Any

from investbot.adapters.venues.ccxt.breaker import Breaker
from investbot.adapters.venues.ccxt.capabilities import Oddities
from investbot.adapters.venues.ccxt.doubt import Absent, Asked, limit_met, verdict
from investbot.adapters.venues.ccxt.endpoints import Endpoints
from investbot.adapters.venues.ccxt.failures import failures
from investbot.adapters.venues.ccxt.limiter import RateLimiter
from investbot.adapters.venues.ccxt.secrecy import Keys
from investbot.adapters.venues.ccxt.venue_clock import Sample, VenueClock
from investbot.domain.errors import OrderRejected, OutcomeUnknown, RateLimited, VenueError, VenueUnavailable

FAST = 2.0
"""Venue seconds a second from which on its time counts as fast."""
WIDEST_WINDOW_MS = 59_000
"""The widest window of a signed request that is asked for, in the venue's milliseconds."""
SECOND_LOOK_S = 0.25
"""Seconds between the two first looks at the venue's clock, which tell its rate."""


class Caller:
    """One exchange's questions, one after another or side by side."""

    def __init__(
        self,
        exchange: Any,
        told: Oddities,
        keys: Keys,
        limiter: RateLimiter,
        breaker: Breaker,
        clock: VenueClock,
        monotonic: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._told = told
        self._keys = keys
        self._limiter = limiter
        self._breaker = breaker
        self._clock = clock
        self._monotonic = monotonic
        self._clock_doubted = False
        self.endpoints = Endpoints()
        self._errors: dict[str, str] = {}

    async def ask(
        self, name: str, *args: Any, asked: Asked = Asked.READ, urgent: bool = False, own: Any = None, **more: Any
    ) -> Any:
        """Ask ccxt's method `name` once; VenueError by the rules of `doubt`, with no secret and no cause in it.

        RateLimited and VenueUnavailable of our own limiter and breaker come before anything is sent. `own` is a
        method that ccxt keeps under another name.
        """
        if asked is not Asked.SUBMIT or self._clock_doubted:
            await self._sync_if_due(urgent=urgent)
        return await self._ask(name, own or getattr(self._exchange, name), args, more, asked, urgent=urgent)

    @property
    def last_error(self) -> str:
        """The newest error of a kind of question that has not been answered since; "" for none."""
        return next(reversed(self._errors.values()), "")

    async def sync(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look at the venue's clock twice, so that its rate is known; VenueError."""
        if self._exchange.has.get("fetchTime"):
            await self._look()
            await sleep(SECOND_LOOK_S)
            await self._look()

    def translated(self, error: Exception, asked: Asked) -> VenueError:
        """Judge what was raised elsewhere, as by a stream."""
        return self._judged(error, asked)

    def tell_time(self) -> None:
        """Let ccxt sign with the venue's time: it subtracts `timeDifference` from the machine's.

        At a test server whose time runs fast a window of seconds is over in no time, so the widest one is asked for.
        """
        options = self._exchange.options
        options["timeDifference"] = self._exchange.milliseconds() - self._clock.raw()
        if self._clock.rate > FAST and "recvWindow" in options:
            options["recvWindow"] = max(int(options["recvWindow"]), WIDEST_WINDOW_MS)

    async def _ask(
        self,
        name: str,
        method: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
        more: Mapping[str, Any],
        asked: Asked,
        *,
        urgent: bool,
    ) -> Any:
        self._breaker.admit(urgent=urgent)
        problem: VenueError | None = None
        pause: float | None = None
        try:
            await self._limiter.take(self._told.weight(name), urgent=urgent)
            self.tell_time()
            began = self._monotonic()
            try:
                with localcontext():  # ccxt sets rounding and traps of the context it finds: the engine's
                    answer = await method(*args, **more)
            except failures() as error:
                problem, pause = self._judged(error, asked), self._pause(error)
        except BaseException:
            self._breaker.abandoned()
            raise
        if problem is None:
            self._errors.pop(name, None)
            self.endpoints.answered(name, self._monotonic() - began)
            self._breaker.succeeded()
            await self._count_weight()
            return answer
        self.endpoints.failed(name)
        self._errors.pop(name, None)
        self._errors[name] = str(problem)
        if pause is not None:
            self._breaker.abandoned()
            await self._limiter.pause(pause)
        else:
            self._count(problem)
        raise problem

    def _count(self, problem: VenueError) -> None:
        """Let the breaker know whether the venue failed, answered, or neither."""
        if isinstance(problem, VenueUnavailable | OutcomeUnknown):
            self._breaker.failed()
        elif isinstance(problem, OrderRejected | Absent):
            self._breaker.succeeded()
        else:
            self._breaker.abandoned()

    def _judged(self, error: Exception, asked: Asked) -> VenueError:
        if type(error).__name__ == "InvalidNonce":
            self._clock_doubted = True
        said = self._keys.clean(str(error))
        return verdict(error, asked, self._exchange.id, said, self._headers(), self._told.revoked)

    def _pause(self, error: Exception) -> float | None:
        """Tell the patience a limit asks for; a refused key that ccxt dresses up as a limit asks for none."""
        revoked = any(text in str(error) for text in self._told.revoked)
        return None if revoked else limit_met(error, self._headers())

    def _headers(self) -> Mapping[str, str]:
        return self._exchange.last_response_headers or {}

    async def _count_weight(self) -> None:
        if self._told.weight_header:
            headers = {name.lower(): value for name, value in self._headers().items()}
            weight = headers.get(self._told.weight_header, "")
            if weight.isdecimal():
                await self._limiter.used(float(weight))

    async def _sync_if_due(self, *, urgent: bool) -> None:
        """Look at the venue's clock where that is due; that it does not tell is no reason not to ask for the rest."""
        if self._exchange.has.get("fetchTime") and (self._clock_doubted or self._clock.due(self._told.window_ms)):
            with contextlib.suppress(VenueUnavailable, RateLimited):
                await self._look(urgent=urgent)

    async def _look(self, *, urgent: bool = False) -> None:
        """Take one sample of the venue's clock; VenueError."""
        began = self._monotonic()
        told = await self._ask("fetch_time", self._exchange.fetch_time, (), {}, Asked.READ, urgent=urgent)
        ended = self._monotonic()
        if not isinstance(told, int | float | str) or not str(told).split(".")[0].isdecimal():
            raise VenueUnavailable(f"{self._exchange.id} does not tell its time.")
        self._clock.add(Sample((began + ended) / 2, int(float(told)), (ended - began) / 2))
        self._clock_doubted = False
