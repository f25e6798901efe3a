"""Holding ledgers against the exchange's own records, to the last digit, in words of their own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from investbot.domain import events as e
from investbot.domain.order import DONE, Order, OrderState, Role, Side

ZERO = Decimal(0)
OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})


@dataclass
class Book:
    """What one ledger says, added up from its events; `held` in base by symbol."""

    name: str
    orders: dict[str, Order] = field(default_factory=dict)
    """By client order id."""
    open: set[str] = field(default_factory=set)
    filled: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    """By client order id, in base."""
    fills: dict[tuple[str, str], e.OrderFilled] = field(default_factory=dict)
    """By symbol and the venue's trade id."""
    twice: list[str] = field(default_factory=list)
    held: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unknown: set[str] = field(default_factory=set)
    at_venue: dict[str, str] = field(default_factory=dict)
    """The exchange's id of each order that it told one of."""

    @classmethod
    def of(cls, name: str, events: Sequence[e.Event]) -> Book:
        """Add events up."""
        book = cls(name)
        clients: dict[str, str] = {}
        for event in events:
            if isinstance(event, e.OrderPlaced):
                clients[event.order.order_id] = event.order.client_order_id
                book.orders[event.order.client_order_id] = event.order
                book.open.add(event.order.client_order_id)
            elif isinstance(event, e.OrderChanged):
                client = clients[event.order_id]
                book.unknown.discard(client)
                if event.venue_order_id:
                    book.at_venue[client] = event.venue_order_id
                if event.state in DONE:
                    book.open.discard(client)
                    continue
                book.open.add(client)  # one that counted as done may surface
                if event.state is OrderState.UNKNOWN:
                    book.unknown.add(client)
            elif isinstance(event, e.OrderFilled):
                book.fill(clients[event.order_id], event)
        return book

    def fill(self, client: str, event: e.OrderFilled) -> None:
        """Book one fill."""
        key = (event.symbol, event.trade_id)
        if key in self.fills:
            self.twice.append(f"{self.name} has booked the trade {event.trade_id} of {event.symbol} twice")
        self.fills[key] = event
        self.filled[client] += event.quantity
        if self.filled[client] >= self.orders[client].quantity:
            self.open.discard(client)
            self.unknown.discard(client)
        sign = 1 if event.side is Side.BUY else -1
        in_base = event.fee_currency == event.symbol.partition("/")[0]
        self.held[event.symbol] += sign * event.quantity - (event.fee if in_base else ZERO)


def compared(books: Sequence[Book], truth: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, list[str]]:
    """Say everything that ledgers and exchange do not agree on, by figure.

    `truth` is one account; `keys` names the API key of each instance.
    """
    owners = {key: name for name, key in keys.items()}
    ours = [row for row in truth["orders"] if row["by"] in owners]
    known = {client: book for book in books for client in book.orders}
    return {
        "orders the ledger does not know": [
            f"{row['clientOrderId']} {row['side']} {row['type']} {row['origQty']} {row['status']} by {row['by']}"
            for row in ours
            if row["clientOrderId"] not in known or known[row["clientOrderId"]].name != owners[row["by"]]
        ],
        "orders that differ": _orders(books, ours),
        "orders accepted twice": _doubled(ours, known),
        "fills that differ": [fault for book in books for fault in book.twice] + _fills(books, truth, ours),
        "balances that differ": _balances(books, truth, owners),
    }


def _orders(books: Sequence[Book], ours: Sequence[Mapping[str, Any]]) -> list[str]:
    told: list[str] = []
    there = {row["clientOrderId"]: row for row in ours}
    for book in books:
        for client, order in book.orders.items():
            row = there.get(client)
            label = f"{book.name} {order.order_id}"
            if row is None:
                if client in book.open or book.filled[client]:
                    told.append(f"{label} is not at the exchange and not over in the ledger")
                continue
            if Decimal(row["executedQty"]) != book.filled[client]:
                told.append(f"{label} filled {row['executedQty']}, in the ledger {book.filled[client]}")
            if (row["status"] in OPEN) != (client in book.open):
                told.append(f"{label} is {row['status']}, open in the ledger: {client in book.open}")
            if Decimal(row["origQty"]) != order.quantity or row["side"].lower() != order.side.value:
                told.append(f"{label} is {row['side']} {row['origQty']}, in the ledger {order.side} {order.quantity}")
    return told


def _doubled(ours: Sequence[Mapping[str, Any]], known: Mapping[str, Book]) -> list[str]:
    """Find client ids that were accepted more than once, and plans with more than one entry."""
    told = [
        f"{client} was accepted {count} times"
        for client, count in Counter(row["clientOrderId"] for row in ours).items()
        if count > 1
    ]
    plans: Counter[tuple[str, str]] = Counter()
    for row in ours:
        book = known.get(row["clientOrderId"])
        if book is not None and book.orders[row["clientOrderId"]].role is Role.ENTRY:
            plans[book.name, book.orders[row["clientOrderId"]].plan_id] += 1
    return told + [f"plan {plan} of {name} has {count} entries" for (name, plan), count in plans.items() if count > 1]


def _fills(books: Sequence[Book], truth: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]) -> list[str]:
    told: list[str] = []
    booked = {key: (book, fill) for book in books for key, fill in book.fills.items()}
    mine = {row["orderId"] for row in ours}
    for trade in truth["trades"]:
        if trade["orderId"] not in mine:
            continue
        key = (_symbol(trade["symbol"]), str(trade["id"]))
        book, fill = booked.pop(key, (None, None))
        if book is None or fill is None:
            told.append(f"the trade {key} of {trade['clientOrderId']} is in no ledger")
            continue
        order = book.orders.get(trade["clientOrderId"])
        there = (Decimal(trade["price"]), Decimal(trade["qty"]), Decimal(trade["commission"]), trade["commissionAsset"])
        here = (fill.price, fill.quantity, fill.fee, fill.fee_currency)
        side = Side.BUY if trade["isBuyer"] else Side.SELL
        if there != here or order is None or order.order_id != fill.order_id or fill.side is not side:
            told.append(f"the trade {key}: {there}, in the ledger {here} of {fill.order_id}")
        if trade["time"] != fill.at:
            told.append(f"the trade {key} was at {trade['time']}, in the ledger at {fill.at}")
    return told + [f"{book.name} has booked a trade {key} that never was" for key, (book, _) in booked.items()]


def _balances(books: Sequence[Book], truth: Mapping[str, Any], owners: Mapping[str, str]) -> list[str]:
    """Hold what the account has against deposits, ledgers, and the trades of others."""
    foreign = {row["orderId"] for row in truth["orders"] if row["by"] not in owners}
    expected = defaultdict(Decimal, {asset: Decimal(amount) for asset, amount in truth["deposits"].items()})
    for book in books:
        for symbol, quantity in book.held.items():
            expected[symbol.partition("/")[0]] += quantity
        for fill in book.fills.values():
            base, _, quote = fill.symbol.partition("/")
            sign = 1 if fill.side is Side.BUY else -1
            expected[quote] -= sign * fill.price * fill.quantity + fill.fee_quote
            if fill.fee_currency not in {base, quote}:
                expected[fill.fee_currency] -= fill.fee
    for trade in truth["trades"]:
        if trade["orderId"] in foreign:
            sign = 1 if trade["isBuyer"] else -1
            expected[_symbol(trade["symbol"]).partition("/")[0]] += sign * Decimal(trade["qty"])
            expected[_symbol(trade["symbol"]).partition("/")[2]] -= sign * Decimal(trade["quoteQty"])
            expected[trade["commissionAsset"]] -= Decimal(trade["commission"])
    told: list[str] = []
    for asset, held in truth["balances"].items():
        total = Decimal(held["free"]) + Decimal(held["locked"])
        if total != expected[asset]:
            told.append(f"the account has {total} {asset}, by the ledgers it is {expected[asset]}")
    return told


def _symbol(market: str) -> str:
    return market if "/" in market else f"{market.removesuffix('USDT')}/USDT"
