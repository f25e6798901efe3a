"""What the parts of the loopback exchange share: market, books, accounts, keys, and two clocks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.exchange.account import Account
from tests.exchange.faults import Faults
from tests.exchange.matching import Matching
from tests.exchange.path import PricePath
from tests.exchange.records import NOW, Records
from tests.exchange.signing import Key, Keyring
from tests.exchange.values import Refusal, VenueRules


class VenueClock:
    """The exchange's time: it started at `start` and runs `speed` times as fast as the wall."""

    def __init__(self, start: int, speed: float) -> None:
        self.start = start
        self.speed = speed
        self._began = time.monotonic()

    def __call__(self) -> int:
        """Tell the venue's time in milliseconds UTC."""
        return self.start + int((time.monotonic() - self._began) * 1000 * self.speed)


@dataclass(frozen=True, slots=True)
class Call:
    """One request after its key was looked at. `as_of`: the wall's moment a reader sees, seconds, monotonic."""

    query: dict[str, str]
    key: Key | None
    now: int
    as_of: float = NOW

    @property
    def owner(self) -> Key:
        """The key of a signed request."""
        if self.key is None:
            raise Refusal(-2014, "API-key format invalid.", 401)
        return self.key


class Weights:
    """Request weight a minute of the wall's clock; over `limit` answers are 429, and later 418. 0: no limit."""

    def __init__(self, limit: int, wall: Callable[[], float]) -> None:
        self.limit = limit
        self.peak = 0
        self.refused = 0
        self.banned_until = 0.0
        self._wall = wall
        self._used: dict[int, int] = {}

    def use(self, weight: int) -> tuple[int, int]:
        """Count a request: the weight used in this minute, and the seconds to wait (0: go on)."""
        now = self._wall()
        minute = int(now // 60)
        used = self._used[minute] = self._used.pop(minute, 0) + weight
        self._used = {minute: used}
        self.peak = max(self.peak, used)
        if not self.limit or (used <= self.limit and now >= self.banned_until):
            return used, 0
        self.refused += 1
        if self.refused > 10:
            self.banned_until = max(self.banned_until, now + 120)
        return used, max(1, int(max((minute + 1) * 60, self.banned_until) - now) + 1)


@dataclass(slots=True)
class Submission:
    """One POST order that reached the exchange, and what became of it: "NEW"…, an error code, or a fault."""

    wall_ns: int
    at: int
    endpoint: str
    key: str
    query: dict[str, str]
    outcome: str = "lost before"


@dataclass
class Core:
    """The state of one exchange."""

    seed: int
    rules: VenueRules
    now: Callable[[], int]
    wall: Callable[[], float] = time.monotonic
    weight_limit: int = 0
    window_scale: float = 1.0
    skew_ms: int = 0
    """Added to the clock that requests are judged by and that `time` tells, not to the market's."""
    lag_s: float = 0.0
    """How far readers are behind, seconds of the wall."""
    plain: bool = False
    """No websockets, client ids echoed in words of its own, and of own trades only the last ones listed."""
    accounts: dict[str, Account] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    submissions: list[Submission] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    adjustments: list[dict[str, Any]] = field(default_factory=list)
    closes: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=20_000))
    path: PricePath = field(init=False)
    records: Records = field(init=False)
    matching: Matching = field(init=False)
    keys: Keyring = field(init=False)
    weights: Weights = field(init=False)

    def __post_init__(self) -> None:
        start = self.now()
        self.path = PricePath(self.seed, start - start % 60_000)
        self.records = Records(self.seed, self.wall)
        self.matching = Matching(self.path, self.records, self.accounts, self.rules, self.wall, start)
        self.keys = Keyring(self.seed)
        self.weights = Weights(self.weight_limit, self.wall)

    def told_now(self) -> int:
        """The time as the exchange tells it and judges requests by."""
        return self.now() + self.skew_ms

    def as_of(self, behind_s: float = 0.0) -> float:
        """The moment that a reader sees now."""
        behind = max(behind_s, self.lag_s)
        return self.wall() - behind if behind else NOW

    def open_account(self, name: str, deposits: dict[str, Decimal]) -> None:
        """Open an account with money in it."""
        self.accounts[name] = Account(name, deposits)

    def adjust(self, name: str, asset: str, delta: Decimal) -> None:
        """Change a free balance with no order behind it: a withdrawal, a fee, a deposit."""
        account = self.accounts[name]
        account.receive(asset, delta)
        account.commit(self.wall(), self.now())
        self.adjustments.append({"account": name, "asset": asset, "delta": str(delta), "at": self.now()})
