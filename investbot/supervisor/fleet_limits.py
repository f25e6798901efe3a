"""Limits of the fleet as a whole: what instances together may risk, lose and hold. Pure.

Real money, sandboxes and paper are never added up with each other, nor are different quote currencies. A limit pauses
the entries of those it speaks of, for a cause of its own, until it is over; exits go on all the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from investbot.domain.errors import ConfigError
from investbot.domain.market import Millis
from investbot.domain.times import rfc3339
from investbot.supervisor.wording import plain

Row = Mapping[str, Any]
CAUSE = "fleet:"
"""What the causes of such pauses begin with."""
DAILY_LOSS = f"{CAUSE}daily_loss"
OPEN_RISK = f"{CAUSE}open_risk"
EXPOSURE = f"{CAUSE}exposure_"
_BACK = Decimal("0.95")
"""A limit that was broken is over once this part of it is no longer exceeded, so that nothing flutters."""
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """Fractions of the capital that is allocated together, and counts of processes; 0 = no limit.

    `open_risk`: what would be lost if every stop were hit now; `daily_loss`: of the UTC day; `base_exposure`: value
    held in one base asset; `running` and `live`: instances that run, and those of them that trade real money.
    """

    open_risk: Decimal = _ZERO
    daily_loss: Decimal = _ZERO
    base_exposure: Decimal = _ZERO
    running: int = 0
    live: int = 0

    @property
    def watches(self) -> bool:
        """Tell whether there is anything to add up."""
        return bool(self.open_risk or self.daily_loss or self.base_exposure)


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that is broken: the cause of the pause, whom it pauses, and a sentence with both numbers."""

    cause: str
    group: str
    names: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What has to be asked of an instance: a pause for a cause, or its end (`sentence` None)."""

    name: str
    cause: str
    sentence: str | None


def breaches(rows: Iterable[Row], limits: FleetLimits, now: Millis) -> list[Breach]:
    """Give every limit that is broken, or was and is not over; `now` in milliseconds UTC.

    Rows are those of `status`, of running and of standing instances.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("capital") is not None and row.get("symbols"):
            groups.setdefault(f"{row['mode']} {row['symbols'][0].partition('/')[2]}", []).append(row)
    found = [each for group, some in sorted(groups.items()) for each in _of_group(group, some, limits, now)]
    return [each for each in found if each.names]


def wishes(rows: Iterable[Row], broken: Sequence[Breach]) -> list[Wish]:
    """Give what has to be asked of running instances so that each is paused for just the limits that speak of it."""
    due: dict[str, dict[str, str]] = {}
    for breach in broken:
        for name in breach.names:
            due.setdefault(name, {})[breach.cause] = breach.sentence
    found = []
    for row in rows:
        if row["state"] != "RUNNING":
            continue
        wanted, there = due.get(row["name"], {}), _causes(row)
        found += [Wish(row["name"], cause, wanted[cause]) for cause in sorted(wanted.keys() - there.keys())]
        found += [Wish(row["name"], cause, None) for cause in sorted(there.keys() - wanted.keys())]
    return found


def admit(name: str, limits: FleetLimits, running: Sequence[str], live: Sequence[str], *, is_live: bool) -> None:
    """Refuse one instance more than may run, or than may trade real money, beside the others named; ConfigError."""
    if limits.running and len(running) + 1 > limits.running:
        raise ConfigError(
            f"{name} cannot start: {len(running)} instances run and fleet.limits.max_running in investbot.toml is "
            f"{limits.running}; stop one, or raise it."
        )
    if is_live and limits.live and len(live) + 1 > limits.live:
        raise ConfigError(
            f"{name} cannot start: {len(live)} instances trade real money and fleet.limits.max_live in investbot.toml "
            f"is {limits.live}; stop one, or raise it."
        )


def _of_group(group: str, rows: Sequence[Row], limits: FleetLimits, now: Millis) -> Iterator[Breach]:
    capital = sum((Decimal(row["capital"]) for row in rows), _ZERO)
    running = tuple(row["name"] for row in rows if row["state"] == "RUNNING")
    held = {cause for row in rows for cause in _causes(row)}
    if limits.open_risk:
        risk = sum((_money(row, "open_risk") for row in rows), _ZERO)
        bound = limits.open_risk * capital
        if risk > (bound * _BACK if OPEN_RISK in held else bound):
            yield Breach(OPEN_RISK, group, running, _sentence("open risk", group, risk, bound))
    if limits.daily_loss:
        yield from _daily_loss(group, rows, running, limits.daily_loss * capital, now)
    if limits.base_exposure:
        bound = limits.base_exposure * capital
        for base in sorted({base for row in rows for base in _bases(row)}):
            value = sum((_exposure(row).get(base, _ZERO) for row in rows), _ZERO)
            cause = f"{EXPOSURE}{base}"
            if value > (bound * _BACK if cause in held else bound):
                traders = tuple(row["name"] for row in rows if row["state"] == "RUNNING" and base in _bases(row))
                yield Breach(cause, group, traders, _sentence(f"exposure to {base}", group, value, bound))


def _daily_loss(
    group: str, rows: Sequence[Row], running: tuple[str, ...], bound: Decimal, now: Millis
) -> Iterator[Breach]:
    """Compare what the day has cost with what it may; once broken it stands until the next UTC day."""
    today = rfc3339(now)[:10]
    what = f"daily loss of {today}"
    lost = -sum((_money(row, "day_pnl") for row in rows if _is_of(row, today)), _ZERO)
    stands = [_causes(row)[DAILY_LOSS] for row in rows if what in _causes(row).get(DAILY_LOSS, "")]
    if lost >= bound:
        yield Breach(DAILY_LOSS, group, running, _sentence(what, group, lost, bound))
    elif stands:
        yield Breach(DAILY_LOSS, group, running, stands[0])


def _is_of(row: Row, today: str) -> bool:
    """Tell whether a row's day is today's: one that runs has its venue's day, one that stands may be of long ago."""
    return row["state"] == "RUNNING" or str(row.get("last_candle_at") or "")[:10] == today


def _sentence(what: str, group: str, value: Decimal, bound: Decimal) -> str:
    quote = group.partition(" ")[2]
    return (
        f"the fleet: {what} ({group}) is {plain(round(value, 8))} {quote}, and {plain(round(bound, 8))} {quote} is the "
        "limit"
    )


def _causes(row: Row) -> dict[str, str]:
    return {cause: str(why) for cause, why in (row.get("paused") or {}).items() if cause.startswith(CAUSE)}


def _bases(row: Row) -> set[str]:
    return {symbol.partition("/")[0] for symbol in row["symbols"]}


def _exposure(row: Row) -> dict[str, Decimal]:
    return {base: Decimal(value) for base, value in (row.get("exposure") or {}).items()}


def _money(row: Row, key: str) -> Decimal:
    value = row.get(key)
    return _ZERO if value is None else Decimal(value)
