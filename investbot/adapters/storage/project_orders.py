"""Orders, fills and positions: what an event means for what was asked, what was done and what is held."""

from __future__ import annotations

from decimal import Decimal

from investbot.adapters.storage.exact import EXACT
from investbot.adapters.storage.statements import DAY_ROW, Statement, day_of, insert, optional, plain
from investbot.domain import events as ev
from investbot.domain.order import OrderState, Side

_CHANGED = (
    "UPDATE orders SET state = ?, venue_order_id = coalesce(?, venue_order_id), state_reason = ?, changed_at = ? "
    "WHERE order_id = ?"
)
_FILLED = (
    "UPDATE orders SET filled = money_add(filled, ?), state = order_state(state, quantity, money_add(filled, ?)), "
    "changed_at = ? WHERE order_id = ?"
)
_DAY_FEES = "UPDATE daily SET fees_quote = money_add(fees_quote, ?) WHERE day = ?"
_CASH_BOUGHT = (
    "UPDATE snapshot SET bought = money_add(bought, ?), fees_quote = money_add(fees_quote, ?), "
    "cash = money_add(cash, ?)"
)
_CASH_SOLD = (
    "UPDATE snapshot SET sold = money_add(sold, ?), fees_quote = money_add(fees_quote, ?), cash = money_add(cash, ?)"
)
_HELD_MORE = (
    "INSERT INTO positions (plan_id, seq, symbol, opened_at, quantity, cost, bought, spent, fees_quote) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (plan_id) DO UPDATE SET "
    "quantity = money_add(quantity, excluded.quantity), cost = money_add(cost, excluded.cost), "
    "bought = money_add(bought, excluded.bought), spent = money_add(spent, excluded.spent), "
    "fees_quote = money_add(fees_quote, excluded.fees_quote)"
)
_HELD_LESS = (
    "UPDATE positions SET cost = cost_left(cost, quantity, ?), quantity = money_add(quantity, ?), "
    "fees_quote = money_add(fees_quote, ?) WHERE plan_id = ?"
)


def order_placed(seq: int, event: ev.OrderPlaced) -> list[Statement]:
    """Keep the order as it was intended."""
    order = event.order
    return [
        insert(
            "orders",
            seq=seq,
            at=event.at,
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            plan_id=order.plan_id,
            symbol=order.symbol,
            side=order.side.value,
            type=order.type.value,
            price=optional(order.price),
            stop_price=optional(order.stop_price),
            quantity=plain(order.quantity),
            state=OrderState.INTENDED.value,
            role=order.role.value,
            reason=order.reason,
            time_in_force=order.time_in_force.value,
            replaces=order.replaces,
            changed_at=event.at,
        )
    ]


def order_changed(_: int, event: ev.OrderChanged) -> list[Statement]:
    """Move the order to its new state."""
    return [(_CHANGED, (event.state.value, event.venue_order_id, event.reason, event.at, event.order_id))]


def order_filled(seq: int, event: ev.OrderFilled) -> list[Statement]:
    """Book a fill once: the order, cash, what is held, the fees of the day."""
    quantity, fee = plain(event.quantity), plain(event.fee_quote)
    notional = EXACT.multiply(event.price, event.quantity)
    in_base = event.fee if event.fee_currency == event.symbol.partition("/")[0] else Decimal(0)
    moved = _bought if event.side is Side.BUY else _sold
    return [
        insert(
            "fills",
            seq=seq,
            at=event.at,
            order_id=event.order_id,
            plan_id=event.plan_id,
            trade_id=event.trade_id,
            symbol=event.symbol,
            side=event.side.value,
            price=plain(event.price),
            quantity=quantity,
            fee=plain(event.fee),
            fee_currency=event.fee_currency,
            fee_quote=fee,
            gapped=int(event.gapped),
        ),
        (_FILLED, (quantity, quantity, event.at, event.order_id)),
        *moved(seq, event, notional, in_base),
        (DAY_ROW, (day_of(event.at),)),
        (_DAY_FEES, (fee, day_of(event.at))),
    ]


def _bought(seq: int, event: ev.OrderFilled, notional: Decimal, in_base: Decimal) -> list[Statement]:
    """Base arrives, less a fee taken in base; the notional and a fee taken in quote leave cash."""
    quantity, fee, amount = plain(event.quantity), plain(event.fee_quote), plain(notional)
    lost = plain(EXACT.add(notional, event.fee_quote).copy_negate())
    arrived = plain(EXACT.subtract(event.quantity, in_base))
    return [
        (_CASH_BOUGHT, (amount, fee, lost)),
        (_HELD_MORE, (event.plan_id, seq, event.symbol, event.at, arrived, amount, quantity, amount, fee)),
    ]


def _sold(_: int, event: ev.OrderFilled, notional: Decimal, in_base: Decimal) -> list[Statement]:
    """Base leaves, and a fee taken in base with it; cash gains the notional less a fee taken in quote."""
    gone, fee = EXACT.add(event.quantity, in_base), plain(event.fee_quote)
    gained = plain(EXACT.subtract(notional, event.fee_quote))
    return [
        (_CASH_SOLD, (plain(notional), fee, gained)),
        (_HELD_LESS, (plain(gone), plain(gone.copy_negate()), fee, event.plan_id)),
    ]
