"""What events and changes of state are worth telling people, and in which words. Pure: no clock, no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from investbot.domain import events as e
from investbot.domain.market import Millis
from investbot.domain.order import OrderState
from investbot.domain.position import RoundTrip
from investbot.domain.signal import Direction
from investbot.domain.states import TradingState
from investbot.ports.ledger import Recorded
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor.entry_notice import entry_notice
from investbot.supervisor.fleet_limits import CAUSE
from investbot.supervisor.wording import plain, signed, span

TOLD: dict[Kind, tuple[str, ...]] = {
    Kind.TRADES: ("PositionOpened", "PositionClosed"),
    Kind.SIGNALS: ("SignalRaised",),
    Kind.ORDERS: ("OrderPlaced", "OrderChanged", "OrderFilled"),
    Kind.LIMITS: ("TradingStateChanged", "EntriesPaused", "EntriesResumed"),
    Kind.ERRORS: ("EntriesPaused", "EntriesResumed", "RequestRefused", "OrderChanged", "CandleFlagged"),
}
"""The kinds of events that each kind of news looks at."""
ALWAYS = ("TradingStateChanged", "EntriesPaused")
"""Among these are the ones that an operator must act on: they go out whatever is chosen, unless nothing is."""
CROWD = 10
"""So many trades of one instance in one look become one notice: a replay would fill any channel."""
_KEY_TROUBLE = ("accept the key", "not allowed", "investbot keys")


@dataclass(frozen=True, slots=True)
class Subject:
    """The instance that notices speak of: its name, whose money, and the kinds of news that were chosen for it."""

    name: str
    mode: str
    kinds: frozenset[Kind]


def wanted(kinds: frozenset[Kind]) -> tuple[str, ...]:
    """Name the kinds of events that have to be read for these kinds of news; none when no news is wanted."""
    if not kinds:
        return ()
    return tuple(sorted({*ALWAYS, *(each for kind in kinds for each in TOLD.get(kind, ()))}))


def chosen(notice: Notice, kinds: frozenset[Kind]) -> bool:
    """Tell whether a notice goes out: its kind was chosen, or an operator must act and any kind was."""
    return notice.kind in kinds or (bool(kinds) and notice.weight is Weight.ALARM)


def of_events(subject: Subject, events: Sequence[Recorded], around: Sequence[Recorded] = ()) -> list[Notice]:
    """Tell of the events of a ledger; `around` are those that the story of an entry is put together from."""
    told = []
    for recorded in events:
        notice = _of(subject, recorded, around)
        if notice is not None:
            key = f"{subject.name}#{recorded.seq}"
            notice = replace(notice, name=subject.name, mode=subject.mode, key=key)
            if chosen(notice, subject.kinds):
                told.append(notice)
    trades = [notice for notice in told if notice.kind is Kind.TRADES]
    if len(trades) <= CROWD:
        return told
    at = next(index for index, notice in enumerate(told) if notice is trades[-1])
    told[at] = _crowd(trades, [recorded.event for recorded in events])
    return [notice for notice in told if notice.kind is not Kind.TRADES or notice is told[at]]


def _of(subject: Subject, recorded: Recorded, around: Sequence[Recorded]) -> Notice | None:
    match recorded.event:
        case e.PositionOpened() as event:
            return entry_notice(event, around)
        case e.PositionClosed() as event:
            return _exit(event)
        case e.SignalRaised() as event:
            return _signal(event)
        case e.TradingStateChanged() as event:
            return _trading_state(subject.name, event)
        case e.EntriesPaused(cause=cause) | e.EntriesResumed(cause=cause) if cause.startswith(CAUSE):
            return None  # the fleet's own notice names all whom its limit concerns
        case e.EntriesPaused() as event:
            return _paused(subject.name, event)
        case e.EntriesResumed() as event:
            kind = Kind.LIMITS if event.cause == _BY_HAND else Kind.ERRORS
            topic = f"{subject.name}:pause:{event.cause}"
            return Notice(
                event.at, kind, "Entries go on", text=f"No longer: {event.cause}.", tone=Tone.GOOD, topic=topic
            )
        case e.OrderPlaced() | e.OrderChanged() | e.OrderFilled() as event:
            return _order(subject, event)
        case e.RequestRefused() as event:
            return Notice(event.at, Kind.ERRORS, f"{event.action} was refused", text=event.reason, tone=Tone.WARNING)
        case e.CandleFlagged() as event:
            title = f"A candle of {event.symbol} looks wrong"
            topic = f"{subject.name}:candle"
            return Notice(event.at, Kind.ERRORS, title, text=event.reason, tone=Tone.WARNING, topic=topic)
        case _:
            return None


_BY_HAND = "operator"
"""The cause of pauses that somebody decided on; the others are troubles."""


def _exit(event: e.PositionClosed) -> Notice:
    trip = event.trip
    won = trip.net_pnl > 0
    quote = trip.symbol.partition("/")[2]
    fields = [
        ("Net result", f"{signed(trip.net_pnl)} {quote}"),
        ("R", f"{signed(trip.r, 2)} R"),
        ("Entry", plain(trip.entry_price)),
        ("Exit", plain(trip.exit_price)),
        ("Quantity", plain(trip.quantity)),
        ("Costs", f"{plain(trip.costs)} {quote}"),
        ("Why", f"{trip.exit_reason}, the market jumped over the stop" if trip.gapped else trip.exit_reason),
        ("Held", span(trip.closed_at - trip.opened_at)),
    ]
    title = f"CLOSED {trip.symbol} {signed(trip.net_pnl)} {quote} ({signed(trip.r, 2)} R)"
    return Notice(event.at, Kind.TRADES, title, fields=tuple(fields), tone=Tone.GAIN if won else Tone.LOSS)


def _signal(event: e.SignalRaised) -> Notice:
    up = event.direction is Direction.LONG
    fields = [("Price", plain(event.price)), ("Confidence", f"{event.confidence:.0%}"), ("From", event.source)]
    if event.stop is not None:
        fields.append(("SL", plain(event.stop)))
    fields += [(f"TP{number}", plain(price)) for number, price in enumerate(event.targets, 1)]
    title = f"SIGNAL {event.direction.value.upper()} {event.symbol} {event.timeframe}"
    tone = Tone.LONG if up else Tone.SHORT
    return Notice(event.at, Kind.SIGNALS, title, text=event.reason, fields=tuple(fields), tone=tone)


def _trading_state(name: str, event: e.TradingStateChanged) -> Notice:
    cause, _, why = event.reason.partition(": ")
    why = why or event.reason
    if event.state is TradingState.ACTIVE:
        return Notice(
            event.at, Kind.LIMITS, "Trading is ACTIVE again", text=why, tone=Tone.GOOD, topic=f"{name}:{cause}"
        )
    if cause == "reconcile":
        text = f"{why}\nNo new entries until they agree; look with `investbot doctor` and `investbot orders {name}`."
        title = "Ledger and venue disagree: trading is REDUCING"
        return _alarm(event.at, Kind.LIMITS, title, text, topic=f"{name}:reconcile")
    if event.state is TradingState.HALTED:
        text = f"{why}\nIt stays so until `investbot resume {name}`."
        return _alarm(event.at, Kind.LIMITS, f"Trading is HALTED: {_words(cause)}", text)
    title = f"Limit breached: {_words(cause)}; trading is REDUCING"
    text = f"{why}\nExits go on, new entries do not."
    return Notice(event.at, Kind.LIMITS, title, text=text, weight=Weight.GRAVE, tone=Tone.WARNING)


def _paused(name: str, event: e.EntriesPaused) -> Notice:
    topic = f"{name}:pause:{event.cause}"
    if event.cause == "venue" and any(words in event.reason for words in _KEY_TROUBLE):
        text = (
            f"{event.reason}\nOrders can neither be placed nor looked up. Store a key that works with "
            f"`investbot keys set {name}`, then `investbot restart {name}`; what is held has the stops that rest there."
        )
        return _alarm(event.at, Kind.ERRORS, "The venue refuses the key", text, topic=f"{name}:key")
    if event.cause == _BY_HAND:
        return Notice(event.at, Kind.LIMITS, "Entries paused", text=event.reason, tone=Tone.WARNING, topic=topic)
    title = f"Entries paused: {event.cause.replace(':', ' ')}"
    return Notice(event.at, Kind.ERRORS, title, text=event.reason, weight=Weight.GRAVE, tone=Tone.WARNING, topic=topic)


def _order(subject: Subject, event: e.OrderPlaced | e.OrderChanged | e.OrderFilled) -> Notice | None:
    """Tell of every change of an order's state where that was chosen; of a stop that is refused, also as an error."""
    match event:
        case e.OrderPlaced(at, order):
            fields: list[tuple[str, Any]] = [("Quantity", order.quantity), ("Price", order.price or order.stop_price)]
            title = f"ORDER {order.order_id}: {order.role.value} {order.side.value} {order.symbol} INTENDED"
            shown = tuple((name, plain(value)) for name, value in fields if value is not None)
            return Notice(at, Kind.ORDERS, title, text=order.reason, fields=shown)
        case e.OrderFilled():
            shown = (("Quantity", plain(event.quantity)), ("Price", plain(event.price)))
            return Notice(event.at, Kind.ORDERS, f"ORDER {event.order_id}: {event.symbol} filled", fields=shown)
        case e.OrderChanged():
            title = f"ORDER {event.order_id}: {event.state.value}"
            if event.state is OrderState.REJECTED and "-stop-" in event.order_id:
                text = f"{event.reason}\nThe instance keeps this stop itself: it acts only while the instance runs."
                topic = f"{subject.name}:stop"
                return _grave(event.at, Kind.ERRORS, "The venue refused a stop", text, topic)
            return Notice(event.at, Kind.ORDERS, title, text=event.reason)


def _alarm(at: Millis, kind: Kind, title: str, text: str, topic: str = "") -> Notice:
    return Notice(at, kind, title, text=text, weight=Weight.ALARM, tone=Tone.ALARM, topic=topic)


def _grave(at: Millis, kind: Kind, title: str, text: str, topic: str) -> Notice:
    return Notice(at, kind, title, text=text, weight=Weight.GRAVE, tone=Tone.WARNING, topic=topic)


def _crowd(trades: Sequence[Notice], events: Sequence[Any]) -> Notice:
    trips: list[RoundTrip] = [event.trip for event in events if isinstance(event, e.PositionClosed)]
    net = sum((trip.net_pnl for trip in trips), Decimal(0))
    won = sum(trip.net_pnl > 0 for trip in trips)
    opened = sum(isinstance(event, e.PositionOpened) for event in events)
    title = f"{opened} entries and {len(trips)} exits, net {signed(net)}"
    text = f"{won} of {len(trips)} won; each is in `investbot trips {trades[-1].name}`."
    tone = Tone.GAIN if net > 0 else Tone.LOSS if net < 0 else Tone.PLAIN
    return replace(trades[-1], title=title, text=text, fields=(), tone=tone)


def _words(cause: str) -> str:
    return cause.replace("_", " ")
