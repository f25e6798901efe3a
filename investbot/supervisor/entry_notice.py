"""The notice of an entry, put together from the events around it: opinion, plan, order, fills, barriers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from investbot.domain import events as e
from investbot.domain.order import Order, Role
from investbot.domain.position import ExitPlan
from investbot.domain.signal import Direction
from investbot.ports.ledger import Recorded
from investbot.ports.notifier import Kind, Notice, Tone
from investbot.supervisor.wording import plain

BEFORE = 500
"""How many events before that of an opened position its story may reach back."""
AROUND = ("SignalRaised", "PlanMade", "OrderPlaced", "OrderFilled")
"""The kinds of events the story is made of."""


@dataclass
class _Story:
    signal: e.SignalRaised | None = None
    plan: ExitPlan | None = None
    entry: Order | None = None
    stop: Order | None = None
    targets: list[Order] = field(default_factory=list)
    fills: list[e.OrderFilled] = field(default_factory=list)


def entry_notice(opened: e.PositionOpened, around: Sequence[Recorded]) -> Notice:
    """Tell of an opened position: title `LONG BTC/USDT 5m`, entry, SL, TP, confidence, R:R net of costs, size, risk.

    What the events around it do not hold is left out.
    """
    story = _story(opened, around)
    signal, plan = story.signal, story.plan
    direction = signal.direction if signal else Direction.LONG
    title = f"{direction.value.upper()} {opened.symbol} {signal.timeframe if signal else ''}".strip()
    price, quantity = _average(story.fills)
    fields: list[tuple[str, str]] = []
    if price is not None:
        fields.append(("Entry", plain(price)))
        fields += _barriers(story, price)
    if signal is not None:
        fields.append(("Confidence", f"{signal.confidence:.0%}"))
    if plan is not None and price is not None:
        fields.append(("R:R", _reward_risk(story, plan, price)))
    if price is not None:
        quote = opened.symbol.partition("/")[2]
        fields.append(("Size", f"{plain(quantity)} ({plain(_cents(price * quantity))} {quote})"))
    if plan is not None:
        quote = opened.symbol.partition("/")[2]
        fields.append(("Risk at the stop", f"{plain(_cents(plan.planned_risk))} {quote}"))
    if signal is not None:
        fields.append(("From", signal.source))
    text = signal.reason if signal else ""
    tone = Tone.LONG if direction is Direction.LONG else Tone.SHORT
    return Notice(opened.at, Kind.TRADES, title, text=text, fields=tuple(fields), tone=tone)


def _story(opened: e.PositionOpened, around: Sequence[Recorded]) -> _Story:
    """Pick what belongs to the plan of this position."""
    story, signals = _Story(), dict[str, e.SignalRaised]()
    for recorded in around:
        match recorded.event:
            case e.SignalRaised() as event:
                signals[event.signal_id] = event
            case e.PlanMade(_, plan) if plan.plan_id == opened.plan_id:
                story.plan = plan
            case e.OrderPlaced(_, order) if order.plan_id == opened.plan_id:
                if order.role is Role.ENTRY:
                    story.entry = order
                elif order.role is Role.STOP and story.stop is None:
                    story.stop = order
                elif order.role is Role.TARGET:
                    story.targets.append(order)
            case e.OrderFilled() as event if event.plan_id == opened.plan_id and event.side == "buy":
                story.fills.append(event)
            case _:
                pass
    if story.plan is not None:
        story.signal = signals.get(story.plan.signal_id)
    return story


def _average(fills: Sequence[e.OrderFilled]) -> tuple[Decimal | None, Decimal]:
    quantity = sum((fill.quantity for fill in fills), Decimal(0))
    spent = sum((fill.price * fill.quantity for fill in fills), Decimal(0))
    if not quantity:
        return None, quantity
    step = min((fill.price for fill in fills), key=_exponent)
    return (spent / quantity).quantize(step.normalize() if _exponent(step) > 0 else step), quantity


def _barriers(story: _Story, price: Decimal) -> list[tuple[str, str]]:
    """Give stop and targets: the orders' own prices where they are placed, else what the plan says."""
    plan = story.plan
    fields: list[tuple[str, str]] = []
    if story.stop is not None and story.stop.stop_price is not None:
        fields.append(("SL", plain(story.stop.stop_price)))
    elif plan is not None:
        fields.append(("SL", plain((price * (1 - plan.stop_distance)).quantize(_step(price), ROUND_UP))))
    if plan is None:
        return fields
    placed = [order.price for order in story.targets if order.price is not None]
    worked_out = [(price * (1 + distance)).quantize(_step(price), ROUND_DOWN) for distance, _ in plan.ladder]
    prices = placed if len(placed) == len(worked_out) else worked_out
    for number, (target, (_, part)) in enumerate(zip(prices, plan.ladder, strict=True), 1):
        name = "TP" if len(prices) == 1 else f"TP{number}"
        fields.append((name, plain(target) if part == 1 else f"{plain(target)} ({plain(part * 100)} %)"))
    return fields


def _reward_risk(story: _Story, plan: ExitPlan, price: Decimal) -> str:
    """Give net reward over net risk, and the bare distances beside it.

    Risk: what the gate reckoned with, over the notional it was reckoned for. Reward: each rung's distance less the
    entry's fee and as much again on what is sold.
    """
    reward = sum((part * distance for distance, part in plan.ladder), Decimal(0))
    bare = reward / plan.stop_distance if plan.stop_distance else Decimal(0)
    entry = story.entry
    if entry is None or not entry.price or not plan.planned_risk:
        return f"{bare:.2f} before costs"
    fee = _fee_fraction(story.fills, price)
    net = sum((part * (distance - fee * (2 + distance)) for distance, part in plan.ladder), Decimal(0))
    risk = plan.planned_risk / (entry.quantity * entry.price)
    return f"{net / risk:.2f} net ({bare:.2f} before costs)"


def _fee_fraction(fills: Sequence[e.OrderFilled], price: Decimal) -> Decimal:
    """What the entry cost as a fraction of its notional, in whichever of the two coins it was taken."""
    base = fills[0].symbol.partition("/")[0]
    paid = sum(
        (fill.fee_quote or (fill.fee * fill.price if fill.fee_currency == base else 0) for fill in fills), Decimal(0)
    )
    return paid / (price * sum((fill.quantity for fill in fills), Decimal(0)))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _step(price: Decimal) -> Decimal:
    return Decimal(1).scaleb(min(0, _exponent(price)))


def _cents(value: Decimal) -> Decimal:
    """Round an amount to what one looks at: cents, or four digits of a small one."""
    if abs(value) >= 1 or not value:
        return round(value, 2)
    return round(value, 3 - value.adjusted())
