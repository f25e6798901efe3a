"""Pure rules of price and size: where a stop and a target lie, how much may be bought, what it can lose and win.

All in Decimal; prices in quote per base, quantities in base, money in quote, distances as fractions of a price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from investbot.domain.market import Instrument, Millis, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import Direction, OrderIntent
from investbot.risk.gate import Denial
from investbot.risk.kelly import Record, risk_share
from investbot.risk.words import plain, rounded

FEE_ROUNDING = Decimal("0.000001")
"""Quote kept aside because each fee is rounded up to 0.00000001: enough for a hundred fills."""

FILL_FLOOR = Decimal("0.9")
"""A stop stays inside its band for every fill from this part of the signal's price up to the entry's limit."""

FINE_TICK = Decimal("0.01")
"""A tick of at most this part of stop_max may round a stop nearer than stop_min, in a band that leaves no room."""

_FRACTION = Decimal("0.00000001")
_DOWN = Context(prec=20, rounding=ROUND_FLOOR)
_UP = Context(rounding=ROUND_CEILING)
_ONE = Decimal(1)

Rung = tuple[Decimal, Decimal]
"""One rung of a ladder: its price or distance, and the part of the position sold there."""


@dataclass(frozen=True, slots=True)
class Sized:
    """How much an entry may buy, with its barriers at the expected entry price and its numbers net of every cost.

    `targets` are (price, part of the position). Stop and targets are anchored again to the real average fill.
    """

    quantity: Decimal
    limit_price: Decimal
    expected_entry: Decimal
    stop_distance: Decimal
    stop: Decimal
    targets: tuple[Rung, ...]
    notional: Decimal
    worst_loss: Decimal
    net_reward: Decimal
    costs: Decimal
    """Fees and slippage of getting in and out at the targets, in quote."""
    limited_by: str
    """The rule that allows least: position_fraction, risk_fraction, kelly or cash."""

    def intent(self, *, at: Millis, signal_id: str, symbol: str, timeframe: Timeframe) -> OrderIntent:
        """Put the size up for review."""
        return OrderIntent(
            at=at,
            signal_id=signal_id,
            symbol=symbol,
            timeframe=timeframe,
            direction=Direction.LONG,
            quantity=self.quantity,
            limit_price=self.limit_price,
            stop=self.stop,
            targets=self.targets,
            notional=self.notional,
            worst_loss=self.worst_loss,
            net_reward=self.net_reward,
            costs=self.costs,
        )


def stop_for(entry: Decimal, distance: Decimal, instrument: Instrument) -> Decimal:
    """Give the protective price `distance` under `entry`, on the tick above: never further away than the distance."""
    return instrument.price_up(entry * (_ONE - distance))


def target_for(entry: Decimal, distance: Decimal, instrument: Instrument) -> Decimal:
    """Give the price `distance` above `entry`, on the tick above: never nearer than the distance."""
    return instrument.price_up(entry * (_ONE + distance))


def rungs(quantity: Decimal, parts: tuple[Decimal, ...], instrument: Instrument) -> tuple[Decimal, ...]:
    """Share a quantity (base) among the parts of a ladder, each on the lot below; the last takes what is left."""
    shares = [instrument.quantity_down(quantity * part) for part in parts[:-1]]
    return (*shares, quantity - sum(shares, Decimal(0))) if parts else ()


def stop_distance(
    exits: ExitRules,
    price: Decimal,
    instrument: Instrument,
    *,
    atr: float | None = None,
    signal_stop: float | None = None,
) -> Decimal | Denial:
    """Give how far under the entry the stop lies, a fraction inside [stop_min, stop_max] that survives the tick.

    The signal's own stop when `stop_structure` is set and it names one, else `stop_atr` times ATR (quote per base)
    where both are known, else `stop_fraction`; rounded to 0.00000001 and clamped. The least distance is stop_min plus
    one tick at the lowest fill looked at (`FILL_FLOOR`), because `stop_for` rounds up by less than a tick; in a band
    narrower than that it is stop_max, where the tick is fine enough (`FINE_TICK`). A Denial
    `stop_band` when no tick fits inside the band, and when the structure's stop lies beyond stop_max: a stop inside
    the structure would protect nothing.
    """
    step = instrument.tick / price
    least = _UP.quantize(exits.stop_min + step / FILL_FLOOR, _FRACTION)
    if step <= FINE_TICK * exits.stop_max:
        least = min(least, exits.stop_max)
    if least > exits.stop_max:
        return Denial(
            "stop_band",
            f"No stop fits between stop_min {plain(exits.stop_min)} and stop_max {plain(exits.stop_max)} at "
            f"{plain(price)}: one tick of {plain(instrument.tick)} is {rounded(step)} of the price.",
            rounded(step),
            plain(exits.stop_max - exits.stop_min),
        )
    if exits.stop_structure and signal_stop is not None and math.isfinite(signal_stop):
        wanted = (price - Decimal(repr(signal_stop))) / price
        if wanted > exits.stop_max:
            return Denial(
                "stop_band",
                f"The signal's own stop lies {rounded(wanted)} of the price away; stop_max is {plain(exits.stop_max)}.",
                rounded(wanted),
                plain(exits.stop_max),
            )
    elif exits.stop_atr is not None and atr is not None and math.isfinite(atr):
        wanted = exits.stop_atr * Decimal(repr(atr)) / price
    else:
        wanted = exits.stop_fraction
    return min(max(_UP.quantize(wanted, _FRACTION), least), exits.stop_max)


def unit_loss(limit_price: Decimal, distance: Decimal, costs: CostRules, instrument: Instrument) -> Decimal:
    """Give the most that one base can lose between any fill up to the limit and its stop, both taker fees included.

    Bought at f, sold at the stop's fill of at least f (1 - distance) (1 - slippage) less one tick of rounding:
    loss(f) = f [(1 + fee) - (1 - distance) (1 - slippage) (1 - fee)] + tick (1 - fee), which grows with f, so that its
    value at the limit bounds them all. Without slippage the stop fills on its own tick and the last term is nothing.
    """
    kept = (_ONE - distance) * (_ONE - costs.slippage) * (_ONE - costs.taker_fee)
    rounding = instrument.tick * (_ONE - costs.taker_fee) if costs.slippage else Decimal(0)
    return limit_price * (_ONE + costs.taker_fee - kept) + rounding


def size_entry(
    *,
    instrument: Instrument,
    costs: CostRules,
    risk: RiskRules,
    exits: ExitRules,
    price: Decimal,
    capital: Decimal,
    cash: Decimal,
    atr: float | None = None,
    signal_stop: float | None = None,
    record: Record | None = None,
) -> Sized | Denial:
    """Size a long entry at a signal's `price` so that every rule of money holds for any fill up to its limit.

    quantity = the lot at or below the least of position_fraction * capital / limit, risk * capital / unit_loss and cash
    / (limit * (1 + taker fee)), where risk is risk_fraction or what Kelly leaves of it (`kelly.risk_share`). worst_loss
    = quantity * unit_loss. net_reward = the sum over the ladder of share * (target * (1 - maker fee) - expected entry *
    (1 + taker fee)), where the expected entry is the price plus slippage, never over the limit. A Denial `stop_band`
    when no stop fits its band, `kelly` when the `record` shows no edge, `lot` when the rules allow less than one lot.
    """
    distance = stop_distance(exits, price, instrument, atr=atr, signal_stop=signal_stop)
    if isinstance(distance, Denial):
        return distance
    share = risk_share(risk, record)
    if isinstance(share, Denial):
        return share
    limit_price = instrument.price_up(price * (_ONE + risk.entry_band))
    expected = min(instrument.price_up(price * (_ONE + costs.slippage)), limit_price)
    loss = unit_loss(limit_price, distance, costs, instrument)
    most, limited_by = min(
        (_DOWN.divide(risk.position_fraction * capital, limit_price), "position_fraction"),
        (
            _DOWN.divide(share * capital - FEE_ROUNDING, loss),
            "risk_fraction" if share == risk.risk_fraction else "kelly",
        ),
        (_DOWN.divide(cash - FEE_ROUNDING, limit_price * (_ONE + costs.taker_fee)), "cash"),
        key=lambda bound: bound[0],
    )
    quantity = instrument.quantity_down(most)
    if quantity <= 0:
        return _under_a_lot(max(most, Decimal(0)), limit_price, instrument)
    targets = tuple((target_for(expected, step, instrument), part) for step, part in exits.targets)
    shares = rungs(quantity, tuple(part for _, part in targets), instrument)
    reward, gross = _rewards(shares, targets, expected, price, costs)
    return Sized(
        quantity=quantity,
        limit_price=limit_price,
        expected_entry=expected,
        stop_distance=distance,
        stop=stop_for(expected, distance, instrument),
        targets=targets,
        notional=quantity * limit_price,
        worst_loss=quantity * loss + FEE_ROUNDING,
        net_reward=reward,
        costs=gross - reward,
        limited_by=limited_by,
    )


def _rewards(
    shares: tuple[Decimal, ...], targets: tuple[Rung, ...], expected: Decimal, price: Decimal, costs: CostRules
) -> tuple[Decimal, Decimal]:
    """Give what the targets bring in quote, net of fees and slippage, and before them."""
    net = gross = Decimal(0)
    for share, (target, _) in zip(shares, targets, strict=True):
        net += share * (target * (_ONE - costs.maker_fee) - expected * (_ONE + costs.taker_fee))
        gross += share * (target - price)
    return net, gross


def _under_a_lot(most: Decimal, limit_price: Decimal, instrument: Instrument) -> Denial:
    """Say how little the rules allow."""
    return Denial(
        "lot",
        f"The rules allow {rounded(most)} {instrument.base} at {plain(limit_price)}, less than one lot of "
        f"{plain(instrument.lot)}.",
        rounded(most),
        plain(instrument.lot),
    )
