"""What a runner is put together from; bootstrap builds the real parts, tests their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from investbot.control.messages import InstanceRequest
from investbot.domain.events import Event
from investbot.domain.facts import Fact
from investbot.domain.market import Candle, Instrument
from investbot.engine.engine import Engine
from investbot.instance.heartbeat import Identity
from investbot.instance.host import HostRules
from investbot.instance.settings import FixedSettings, Settings
from investbot.ports.clock import Clock
from investbot.ports.intelligence import IntelligenceSource
from investbot.ports.ledger import Ledger
from investbot.ports.venue import Venue


class Market(Protocol):
    """The engine together with whatever matches its orders."""

    def step(self, candle: Candle) -> list[Event]:
        """Take a closed candle in; return all events of it, in order."""
        ...

    def handle(self, fact: Fact) -> list[Event]:
        """Take any other fact in; return all events of it, in order."""
        ...

    def committed(self, events: Sequence[Event]) -> None:
        """Act on events that are durable now; only what went through here may leave the process."""
        ...


class Link(Protocol):
    """The way to whoever watches: nothing here ever makes the trading loop wait."""

    def status(self, row: dict[str, Any]) -> None:
        """Offer the newest status row."""
        ...

    def event(self, event: dict[str, Any]) -> None:
        """Offer an event that is durable."""
        ...

    def unheard_s(self, now: float) -> float | None:
        """Tell how many seconds before `now` (monotonic) a supervisor said that it watches; None before it ever did."""
        ...

    async def run(self) -> None:
        """Dial and talk until cancelled."""
        ...

    async def flush(self, timeout_s: float = ...) -> None:
        """Wait until what was offered is on its way, at most `timeout_s` seconds."""
        ...


class Jobs(Protocol):
    """What comes round every so often, on the event loop."""

    def every(self, interval_s: float, job: Callable[[], Awaitable[None]], name: str) -> None:
        """Run `job` every `interval_s` seconds."""
        ...

    def start(self) -> None:
        """Begin."""
        ...

    def close(self) -> None:
        """Stop all jobs; safe to call twice."""
        ...


Serve = Callable[[InstanceRequest], Awaitable[Any]]
OnError = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """One instance in pieces.

    `make_engine` and `make_market` are called once the instruments are known and again never; `poll_s` is the time
    between two looks at the venue, in seconds; `inbox_bound` is how many market facts may wait; `host` says what of
    the machine beneath it counts; `sources` are asked what the world outside thinks;
    `settings` reads the configuration again.
    """

    identity: Identity
    clock: Clock
    venue: Venue
    ledger: Ledger
    make_engine: Callable[[Mapping[str, Instrument]], Engine]
    make_market: Callable[[Engine], Market]
    make_link: Callable[[Serve], Link]
    make_jobs: Callable[[OnError], Jobs]
    host: HostRules = field(default_factory=HostRules)
    settings: Settings = field(default_factory=FixedSettings)
    poll_s: float = 1.0
    inbox_bound: int = 256
    sources: Sequence[IntelligenceSource] = ()
