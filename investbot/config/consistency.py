"""What no single key can tell: the rules between the keys of a profile, and its guard rails."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from investbot.config.sections import (
    ExitsSection,
    LoggingSection,
    MarketSection,
    RestartSection,
    RiskSection,
    VenueSection,
)
from investbot.domain.states import Mode

WIDEST_POSITION = Decimal("0.02")
STOP_RAILS = (Decimal("0.005"), Decimal("0.01"))
TARGET_RAILS = (Decimal("0.01"), Decimal("0.05"))
SIMULATED = ("replay", "synthetic")


class Finding(NamedTuple):
    """A rule that is broken: the keys it compares, the one to change first, and why."""

    keys: tuple[str, ...]
    sentence: str


class Findings(ValueError):
    """All broken rules of one profile."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        """Keep the findings for whoever words them."""
        super().__init__("; ".join(each.sentence for each in findings))
        self.findings = findings


def findings(
    venue: VenueSection,
    market: MarketSection,
    risk: RiskSection,
    exits: ExitsSection,
    restart: RestartSection,
    logging: LoggingSection,
) -> Iterator[Finding]:
    """Give every rule between keys that the sections of a profile break."""
    rails = list(_rails(risk, exits))
    # A stop beyond the rails needs allow_wide first, and that may widen the bounds too.
    if all(found.keys[0] != "exits.stop_fraction" for found in rails):
        yield from _stops(exits)
    yield from rails
    yield from _market(market)
    yield from _venue(venue, market)
    if restart.backoff > restart.max:
        yield Finding(("restart.backoff", "restart.max"), "the first delay is longer than the longest, restart.max.")
    if logging.max_bytes > logging.total_bytes:
        yield Finding(
            ("logging.total_bytes", "logging.max_bytes"), "all log files together must hold at least one of max_bytes."
        )


def _stops(exits: ExitsSection) -> Iterator[Finding]:
    low, stop, high = exits.stop_min, exits.stop_fraction, exits.stop_max
    if low > high:
        yield Finding(("exits.stop_min", "exits.stop_max"), f"{low} lies above stop_max, which is {high}.")
    elif stop > high:
        sentence = f"{stop} lies above stop_max, which is {high}; set exits.stop_max as well."
        yield Finding(("exits.stop_fraction", "exits.stop_max", "exits.stop_min", "risk.allow_wide"), sentence)
    elif stop < low:
        sentence = f"{stop} lies below stop_min, which is {low}; set exits.stop_min as well."
        yield Finding(("exits.stop_fraction", "exits.stop_min", "exits.stop_max", "risk.allow_wide"), sentence)


def _rails(risk: RiskSection, exits: ExitsSection) -> Iterator[Finding]:
    if risk.allow_wide:
        return
    wide = "risk.allow_wide"
    if risk.position_fraction > WIDEST_POSITION:
        yield _beyond("risk.position_fraction", f"{risk.position_fraction} is above {WIDEST_POSITION}")
    for key in ("stop_fraction", "stop_min", "stop_max"):
        stop: Decimal = getattr(exits, key)
        if not STOP_RAILS[0] <= stop <= STOP_RAILS[1]:
            yield _beyond(f"exits.{key}", f"{stop} is outside {STOP_RAILS[0]} to {STOP_RAILS[1]}")
    for distance, _ in exits.targets:
        if not TARGET_RAILS[0] <= distance <= TARGET_RAILS[1]:
            why = f"the target {distance} is outside {TARGET_RAILS[0]} to {TARGET_RAILS[1]}; {wide} = true lifts that."
            yield Finding(("exits.targets", wide), why)


def _beyond(key: str, what: str) -> Finding:
    return Finding((key, "risk.allow_wide"), f"{what}; risk.allow_wide = true lifts that.")


def _market(market: MarketSection) -> Iterator[Finding]:
    base, confirm = market.timeframe, market.confirm_timeframe
    if confirm is not None and (confirm.ms <= base.ms or confirm.ms % base.ms):
        sentence = f"{confirm} is not a larger multiple of the timeframe {base}."
        yield Finding(("market.confirm_timeframe", "market.timeframe"), sentence)
    if market.stale_after is not None and market.stale_after < base.ms:
        yield Finding(("market.stale_after", "market.timeframe"), f"data cannot be stale within one bar of {base}.")
    quotes = sorted({symbol.partition("/")[2] for symbol in market.symbols})
    if len(quotes) > 1:
        sentence = f"one instance holds one quote currency, not {' and '.join(quotes)}; create an instance for each."
        yield Finding(("market.symbols",), sentence)


def _venue(venue: VenueSection, market: MarketSection) -> Iterator[Finding]:
    if venue.name in SIMULATED and venue.mode is not Mode.PAPER:
        yield Finding(("venue.mode", "venue.name"), f"{venue.name} has no orders to place; its mode can only be paper.")
    if venue.name != "replay":
        return
    replay, keys = venue.replay, ("venue.replay.file", "venue.replay.files", "venue.name", "market.symbols")
    if bool(replay.file) == bool(replay.files):
        sentence = "a replay needs `file` (one symbol) or `files` (one for each), and not both."
        yield Finding(keys, sentence)
    elif replay.file and len(market.symbols) > 1:
        yield Finding(keys, 'one file holds one symbol; write files = { "BTC/USDT" = … } for several.')
    elif replay.files:
        for symbol in market.symbols:
            if symbol not in replay.files:
                yield Finding((keys[1], keys[0], *keys[2:]), f"{symbol} has no file.")
