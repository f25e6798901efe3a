"""An exchange that is not ours, asked by the public API of ccxt alone: it is audited, and its faults are its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import ccxt

from investbot.domain.market import Instrument
from investbot.domain.order import Side
from scripts.chaos_run.fleet import Child
from scripts.chaos_run.plan import Fault
from scripts.chaos_run.protection import DUST, Gap
from scripts.chaos_run.truth import Book

TRIES, PAUSE_S = 8, 1.0
"""Times a question is asked before the run gives up on it, and seconds between two; the faults may hit us too."""
PAGE = 500
OURS = "ib"
"""How the client ids of all our orders begin."""
WORDS = {"open": "NEW", "closed": "FILLED", "canceled": "CANCELED", "expired": "EXPIRED", "rejected": "REJECTED"}


class Outside:
    """One account there; `settings` are those of `[venue.ccxt]`, `keys` have ccxt's names."""

    def __init__(
        self, name: str, settings: Mapping[str, Any], keys: Mapping[str, str], symbols: Sequence[str], *, sandbox: bool
    ) -> None:
        told = {**settings, **keys, "number": str, "enableRateLimit": settings.get("enableRateLimit", True)}
        self._exchange: Any = getattr(ccxt, name)(told)
        if sandbox:
            self._exchange.set_sandbox_mode(True)
        self._turn = threading.Lock()
        self._symbols = symbols
        self._ask("load_markets")
        self.began = int(self._ask("fetch_time")) if self._exchange.has.get("fetchTime") else 0
        self.deposits = {name: amount["total"] for name, amount in self.balances().items()}
        self.foreign = {str(row["id"]) for symbol in symbols for row in self._ask("fetch_open_orders", symbol)}

    # ---- what the lives of the instances ask for --------------------------------------------------------------------

    def clear(self) -> None:
        """Leave its faults alone."""

    def trouble(self, fault: Fault) -> None:
        """Leave it in peace: it has faults of its own."""

    def sent(self, child: Child, _key: str) -> int:
        """Count the orders that an instance has decided in this life."""
        return child.said("order_placed")

    # ---- what it knows ----------------------------------------------------------------------------------------------

    def instruments(self) -> dict[str, Instrument]:
        """Give the steps of what is traded."""
        return {symbol: self._instrument(self._exchange.markets[symbol]) for symbol in self._symbols}

    def prices(self) -> dict[str, Decimal]:
        """Give the last price of each symbol."""
        return {symbol: Decimal(str(self._ask("fetch_ticker", symbol)["last"])) for symbol in self._symbols}

    def balances(self) -> dict[str, dict[str, Decimal]]:
        """Give what the account has by currency: `free`, `total`."""
        told = self._ask("fetch_balance")
        return {
            name: {"total": Decimal(str(total)), "free": Decimal(str(told["free"].get(name) or 0))}
            for name, total in told["total"].items()
            if total is not None
        }

    def open_sales(self) -> dict[str, Decimal]:
        """Give what resting orders would sell, in base by symbol."""
        found: dict[str, Decimal] = {}
        for symbol in self._symbols:
            rows = [row for row in self._ask("fetch_open_orders", symbol) if str(row["id"]) not in self.foreign]
            left = [Decimal(row["amount"]) - Decimal(row["filled"] or 0) for row in rows if row["side"] == "sell"]
            found[symbol] = sum(left, Decimal(0))
        return found

    def truth(self, books: Sequence[Book], keys: Mapping[str, str]) -> dict[str, Any]:
        """Tell all it says of the orders that the ledgers know and of the account, in the words of an audit."""
        orders = [row for book in books for row in self._orders(book, keys[book.name])]
        owners = {(row["symbol"], row["orderId"]): row["clientOrderId"] for row in orders}
        trades = [self._trade(row, owners) for symbol in self._symbols for row in self._trades(symbol)]
        seen = {(row["symbol"], row["id"]) for row in trades}
        for book in books:  # a list that shows the last trades only has forgotten the first: ask for them by order
            lost = {(f.symbol, f.order_id) for (_, trade), f in book.fills.items() if (f.symbol, trade) not in seen}
            for symbol, order_id in sorted(lost):
                known = next(
                    (row for row in orders if row["order"].order_id == order_id and row["by"] == book.name), None
                )
                for row in () if known is None else self._ask("fetch_order_trades", known["orderId"], symbol):
                    if (symbol, str(row["id"])) not in seen:
                        seen.add((symbol, str(row["id"])))
                        trades.append(self._trade(row, owners))
        orders += self._strangers({(row["symbol"], row["orderId"]) for row in trades if not row["clientOrderId"]}, keys)
        held = {name: {"free": each["total"], "locked": Decimal(0)} for name, each in self.balances().items()}
        return {"orders": orders, "trades": trades, "balances": held, "deposits": self.deposits}

    def _orders(self, book: Book, key: str) -> list[dict[str, Any]]:
        """Ask for each order of a ledger: by the venue's id where it has one, else by ours."""
        rows = []
        for client, order in book.orders.items():
            venue_id = book.at_venue.get(client)
            more = {} if venue_id else {"clientOrderId": client}
            row = self._ask("fetch_order", venue_id or "", order.symbol, more, absent=True)
            if row is not None and row.get("id"):
                rows.append({**_row(row, key), "clientOrderId": client, "order": order})
        return rows

    def _strangers(self, ids: Iterable[tuple[str, str]], keys: Mapping[str, str]) -> list[dict[str, Any]]:
        """Ask whose orders those are that no ledger knows: one that bears our name is ours, and lost."""
        rows = []
        for symbol, venue_id in sorted(ids):
            row = self._ask("fetch_order", venue_id, symbol, absent=True) or {"id": venue_id, "symbol": symbol}
            ours = str(row.get("clientOrderId") or "").startswith(OURS)
            rows.append(_row(row, next(iter(keys.values())) if ours else "?"))
        return rows

    def _trades(self, symbol: str) -> list[Mapping[str, Any]]:
        """Read own trades since the beginning, page by page, as far as they are shown."""
        found: dict[str, Mapping[str, Any]] = {}
        since = self.began or None
        while True:
            page = {str(row["id"]): row for row in self._ask("fetch_my_trades", symbol, since, PAGE)}
            if page.keys() <= found.keys():
                return [row for row in found.values() if row["timestamp"] >= self.began]
            found |= page
            since = max(int(row["timestamp"]) for row in page.values())

    def _trade(self, row: Mapping[str, Any], owners: Mapping[tuple[str, str], str]) -> dict[str, Any]:
        fee = row.get("fee") or {}
        return {
            "id": str(row["id"]),
            "orderId": str(row["order"]),
            "clientOrderId": owners.get((row["symbol"], str(row["order"])), ""),
            "symbol": row["symbol"],
            "price": str(row["price"]),
            "qty": str(row["amount"]),
            "quoteQty": str(Decimal(row["price"]) * Decimal(row["amount"])),
            "commission": str(fee.get("cost") or 0),
            "commissionAsset": str(fee.get("currency") or row["symbol"].partition("/")[2]),
            "isBuyer": Side(row["side"]) is Side.BUY,
            "time": int(row["timestamp"]),
        }

    def _instrument(self, market: Mapping[str, Any]) -> Instrument:
        tick, lot = (Decimal(str(market["precision"][word])) for word in ("price", "amount"))
        if self._exchange.precisionMode != ccxt.TICK_SIZE:
            tick, lot = (Decimal(1).scaleb(-int(places)) for places in (tick, lot))
        least = market["limits"]["cost"]["min"]
        return Instrument(market["symbol"], tick, lot, Decimal(str(least or 0)))

    def _ask(self, method: str, *words: Any, absent: bool = False) -> Any:
        """Ask until there is an answer; None for an order that is `absent` where that may be."""
        for tried in range(TRIES):
            try:
                with self._turn:
                    if self._exchange.has.get("fetchTime"):  # its time may run faster than ours
                        self._exchange.load_time_difference()
                    return getattr(self._exchange, method)(*words)
            except ccxt.OrderNotFound:
                if absent and tried >= 1:
                    return None
            except ccxt.BaseError:
                if tried == TRIES - 1:
                    raise
            time.sleep(PAUSE_S)
        return None


class Watch(threading.Thread):
    """Looks every so often what is held and what would sell it, and remembers how long something was bare.

    As exact as its looks are close: what goes by between two of them it does not see.
    """

    def __init__(self, outside: Outside) -> None:
        super().__init__(daemon=True)
        self._outside = outside
        self._prices = outside.prices()
        self._over = threading.Event()
        self._since: dict[str, tuple[float, Decimal]] = {}
        self.gaps: list[Gap] = []
        self.looks = 0

    def run(self) -> None:
        """Look until it is over."""
        while not self._over.wait(0.5):
            try:
                covered = self._outside.open_sales()
                held = self._outside.balances()
            except ccxt.BaseError:
                continue
            self.looks += 1
            self._note(held, covered, time.monotonic())

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()
        for symbol in list(self._since):
            self._close(symbol, time.monotonic())

    def _note(self, held: Mapping[str, Mapping[str, Decimal]], covered: Mapping[str, Decimal], now: float) -> None:
        for symbol, price in self._prices.items():
            base = symbol.partition("/")[0]
            ours = held.get(base, {}).get("total", Decimal(0)) - self._outside.deposits.get(base, Decimal(0))
            bare = ours - covered[symbol]
            if bare * price < 2 * DUST:
                self._close(symbol, now)
            elif symbol not in self._since:
                self._since[symbol] = now, bare

    def _close(self, symbol: str, now: float) -> None:
        if symbol in self._since:
            since, bare = self._since.pop(symbol)
            self.gaps.append(Gap("account", symbol, bare, since, now - since))


def _row(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Put an order into the words of an audit."""
    return {
        "orderId": str(row["id"]),
        "clientOrderId": str(row.get("clientOrderId") or ""),
        "symbol": row.get("symbol"),
        "side": str(row.get("side") or "").upper(),
        "type": str(row.get("type") or ""),
        "origQty": str(row.get("amount") or 0),
        "executedQty": str(row.get("filled") or 0),
        "status": WORDS.get(str(row.get("status")), str(row.get("status"))),
        "price": str(row.get("price") or 0),
        "by": key,
    }
