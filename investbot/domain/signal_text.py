"""Signals as text for people and other programs: SC01, one line; SC02, a block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.events import SignalRaised
from investbot.domain.market import Millis
from investbot.domain.signal import Direction
from investbot.domain.times import rfc3339

_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """What the profile makes of a signal, where it is known.

    `stop` and the prices of `targets` (price, part of the position 0..1) in quote per base; `net_r` is the reward at
    the targets net of all costs in units of the worst loss; `costs` in quote; `regime` in words; `expires_at` in
    milliseconds UTC.
    """

    stop: Decimal | None = None
    targets: tuple[tuple[Decimal, Decimal], ...] = ()
    net_r: Decimal | None = None
    costs: Decimal | None = None
    regime: str = ""
    expires_at: Millis | None = None


def sc01(signal: SignalRaised, plan: SignalPlan | None = None) -> str:
    """Write a signal in one line, with a dash for what is not known.

    `SC01 BTC/USDT 5m LONG entry 50000.00 stop 49500.00 target 51000.00 rr 2.0 conf 0.85 at 2026-01-02T03:04:00Z id
    7f3a`. The target is the first one, rr its distance in distances of the stop, before costs.
    """
    stop, targets = _levels(signal, plan)
    first = targets[0][0] if targets else None
    risk = None if stop is None else abs(signal.price - stop)
    ratio = f"{abs(first - signal.price) / risk:.1f}" if first is not None and risk else _NOTHING
    return (
        f"SC01 {signal.symbol} {signal.timeframe} {signal.direction.value.upper()} entry {_money(signal.price)} "
        f"stop {_money(stop)} target {_money(first)} rr {ratio} conf {signal.confidence:.2f} "
        f"at {rfc3339(signal.at)} id {signal.signal_id}"
    )


def sc02(signal: SignalRaised, plan: SignalPlan | None = None) -> str:
    """Write a signal as a block: title, levels with net R, confidence, a line a reason, regime, costs, expiry, id."""
    known = plan or SignalPlan()
    stop, targets = _levels(signal, plan)
    lines = [f"{signal.direction.value.upper()} {signal.symbol} {signal.timeframe}"]
    lines.append(f"entry {_money(signal.price)}")
    lines.append(f"stop {_money(stop)}{_away(stop, signal.price)}")
    for number, (price, part) in enumerate(targets, start=1):
        lines.append(f"target {number} {_money(price)}{_away(price, signal.price)}, {part:.0%} of the position")
    lines.append(f"net R {_NOTHING if known.net_r is None else f'{known.net_r:.2f}'}")
    lines.append(f"confidence {signal.confidence:.2f}")
    lines += [f"* {reason}" for reason in _reasons(signal.reason)]
    lines.append(f"regime {known.regime or _NOTHING}")
    lines.append(f"costs {_money(known.costs)}")
    lines.append(f"expires {_NOTHING if known.expires_at is None else rfc3339(known.expires_at)}")
    lines.append(f"SC02 at {rfc3339(signal.at)} id {signal.signal_id}")
    return "\n".join(lines)


def _levels(signal: SignalRaised, plan: SignalPlan | None) -> tuple[Decimal | None, Sequence[tuple[Decimal, Decimal]]]:
    """Take the plan's levels where there are some, else the signal's own in equal parts; a SHORT only leaves."""
    if signal.direction is Direction.SHORT:
        return None, ()
    own = [(price, Decimal(1) / len(signal.targets)) for price in signal.targets]
    if plan is None:
        return signal.stop, own
    return plan.stop if plan.stop is not None else signal.stop, plan.targets or own


def _money(value: Decimal | None) -> str:
    """Write a price or an amount with two decimals at least and none lost."""
    if value is None:
        return _NOTHING
    text = format(value.normalize(), "f")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')}"


def _away(price: Decimal | None, entry: Decimal) -> str:
    return "" if price is None or not entry else f" ({price / entry - 1:+.2%})"


def _reasons(reason: str) -> list[str]:
    return [part.strip() for part in reason.rstrip(".").split(";") if part.strip()]
