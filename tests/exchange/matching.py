"""The matching engine: orders against the price path, second by second of venue time, in exact decimals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from tests.exchange import filters
from tests.exchange.account import Account
from tests.exchange.bars import average, listed
from tests.exchange.book import Book, Level, ladder
from tests.exchange.market import Listing
from tests.exchange.path import STEP_MS, PricePath
from tests.exchange.records import Records
from tests.exchange.values import (
    MARKETS,
    NOUGHT,
    NewOrder,
    Order,
    OrderList,
    Refusal,
    Report,
    Trade,
    VenueRules,
    fee_of,
)


class Matching:
    """Takes orders, lets them rest, trades them; every change is written to `records` and told in `reports`."""

    def __init__(
        self,
        path: PricePath,
        records: Records,
        accounts: dict[str, Account],
        rules: VenueRules,
        wall: Callable[[], float],
        at: int,
    ) -> None:
        self.path = path
        self.records = records
        self.accounts = accounts
        self.rules = rules
        self.reports: list[Report] = []
        self._wall = wall
        self._point = at // STEP_MS
        self._book = Book(path, rules)

    def advance(self, now: int) -> None:
        """Let the market move up to `now`: stops trigger and resting orders trade, second by second."""
        end = now // STEP_MS
        while self._point < end:
            busy = self.records.busy()
            self._point = self._point + 1 if busy else end
            for market in busy:
                self._move(listed(market), self._point * STEP_MS)

    def place(self, account: str, wanted: NewOrder, now: int, by: str) -> Order:
        """Take one order; Refusal, and then nothing has changed."""
        self.advance(now)
        wanted = self._sized(wanted, now)
        self._check(account, wanted, now)
        order = self._new(account, wanted, now, by)
        if wanted.kind == "MARKET":
            self._check_funds(order, now)
        self.accounts[account].lock(order.spends, order.unit * order.quantity)
        self._tell(order, "NEW")
        if order.working:
            order = self._arrive(order, now)
        return order

    def place_pair(
        self, account: str, wanted: tuple[NewOrder, NewOrder], list_client_id: str, now: int, by: str
    ) -> OrderList:
        """Take a limit order and a stop of which the first to trade cancels the other; Refusal."""
        self.advance(now)
        for leg in wanted:
            self._check(account, leg, now)
        if wanted[0].client_id == wanted[1].client_id:
            raise Refusal(-2010, "Duplicate order sent.")
        list_id = self.records.next_id()
        limit, stop = (replace(self._new(account, leg, now, by), list_id=list_id) for leg in wanted)
        limit, stop = replace(limit, unit=max(limit.unit, stop.unit)), replace(stop, unit=NOUGHT)
        self.accounts[account].lock(limit.spends, limit.unit * limit.quantity)
        made = OrderList(list_id, account, limit.listing, list_client_id, (stop.order_id, limit.order_id), now)
        self.records.lists[list_id] = made
        self._tell(stop, "NEW")
        self._tell(limit, "NEW")
        return made

    def cancel(self, order: Order, cancel_id: str, now: int) -> Order:
        """Withdraw an order, and with it the other one of its list."""
        ended = self._end(order, "CANCELED", now, cancel_id)
        other = self._other(ended)
        if other is not None:
            self._end(other, "CANCELED", now, cancel_id)
        return ended

    def _move(self, listing: Listing, at: int) -> None:
        """Let one market's open orders meet the price of one second, oldest first."""
        last = self.path.price(listing, at)
        for seen in self.records.resting(listing.id):
            order = self.records.current(seen.order_id)
            if not order.open:
                continue
            if not order.working:
                if filters.reached(order.kind, order.side, order.stop_price, last):
                    self._trigger(order, at)
            elif order.price > last if order.buys else order.price < last:
                self._rest(order, at)

    def _trigger(self, order: Order, at: int) -> None:
        other = self._other(order)
        if other is not None:
            unit = other.unit
            self.records.put(replace(other, unit=NOUGHT))
            order = replace(order, unit=unit)
            self._end(self.records.current(other.order_id), "EXPIRED", at)
        order = replace(order, triggered=True, updated_at=at)
        self.records.put(order)
        self._arrive(order, at)

    def _arrive(self, order: Order, at: int) -> Order:
        """Let an order that has just come to the book take what it can."""
        limit = None if order.kind in MARKETS else order.price
        if order.kind == "LIMIT_MAKER":
            return order
        if order.tif == "FOK" and self._within(order, limit, at) < order.quantity:
            return self._end(order, "EXPIRED", at)
        for level in self._book.levels(order.listing, order.side, at):
            if limit is not None and (level.price > limit if order.buys else level.price < limit):
                break
            order = self._execute(order, level, level.price, at, maker=False)
            if not order.open:
                return order
        if limit is None or order.tif in {"IOC", "FOK"}:
            return self._end(order, "EXPIRED", at)
        return order

    def _rest(self, order: Order, at: int) -> None:
        """Let the market come to a resting order: it trades at its own price, as maker."""
        for level in self._book.levels(order.listing, order.side, at):
            if level.price > order.price if order.buys else level.price < order.price:
                return
            other = self._other(order)
            if other is not None:
                self._end(other, "EXPIRED", at)
            order = self._execute(order, level, order.price, at, maker=True)
            if not order.open:
                return

    def _execute(self, order: Order, level: Level, price: Decimal, at: int, *, maker: bool) -> Order:
        account, quantity = self.accounts[order.account], min(level.left, order.remaining)
        if quantity <= 0:
            return order
        quote = price * quantity
        spent, got = (quote, quantity) if order.buys else (quantity, quote)
        released = order.unit * quantity
        if account.holding(order.spends).free + released < spent:
            return self._end(order, "EXPIRED", at)
        level.left -= quantity
        fee = fee_of(got, self.rules.maker if maker else self.rules.taker)
        account.pay(order.spends, spent, released)
        account.receive(order.receives, got - fee)
        trade = Trade(
            self.records.next_trade_id(order.listing.id),
            order.order_id,
            order.account,
            order.listing,
            price,
            quantity,
            quote,
            fee,
            order.receives,
            at,
            order.buys,
            maker,
            order.list_id,
        )
        self.records.add_trade(trade)
        executed = order.executed + quantity
        status = "FILLED" if executed == order.quantity else "PARTIALLY_FILLED"
        order = replace(order, executed=executed, quote=order.quote + quote, status=status, updated_at=at)
        self._tell(order, "TRADE", trade)
        return order

    def _end(self, order: Order, status: str, at: int, cancel_id: str = "") -> Order:
        self.accounts[order.account].release(order.spends, order.unit * order.remaining)
        order = replace(order, status=status, updated_at=at)
        self._tell(order, status, cancel_id=cancel_id)
        return order

    def _tell(self, order: Order, execution: str, trade: Trade | None = None, cancel_id: str = "") -> None:
        self.records.put(order)
        self.accounts[order.account].commit(self._wall(), order.updated_at)
        self.reports.append(Report(order, execution, trade, cancel_id))
        if order.list_id in self.records.lists and not order.open and self._other(order) is None:
            self.records.lists[order.list_id] = replace(self.records.lists[order.list_id], done=True)

    def _other(self, order: Order) -> Order | None:
        """The still open other one of an order's list."""
        pair = self.records.lists.get(order.list_id)
        if pair is None:
            return None
        other = self.records.current(next(number for number in pair.order_ids if number != order.order_id))
        return other if other.open else None

    def _new(self, account: str, wanted: NewOrder, now: int, by: str) -> Order:
        unit = NOUGHT
        if wanted.kind != "MARKET":
            unit = (wanted.price or wanted.stop_price) if wanted.side == "BUY" else Decimal(1)
        return Order(
            self.records.next_id(),
            account,
            wanted.listing,
            wanted.client_id,
            wanted.side,
            wanted.kind,
            wanted.tif,
            wanted.quantity,
            wanted.price,
            wanted.stop_price,
            unit,
            now,
            now,
            by,
            quote_quantity=wanted.quote_quantity,
        )

    def _check(self, account: str, wanted: NewOrder, now: int) -> None:
        mine = [order for order in self.records.resting(wanted.listing.id) if order.account == account]
        last, mean = self.path.price(wanted.listing, now), average(self.path, wanted.listing, now)
        filters.check(wanted, last, mean, mine, self.rules)
        if any(order.client_id == wanted.client_id for order in mine):
            raise Refusal(-2010, "Duplicate order sent.")
        if wanted.kind == "LIMIT_MAKER":
            best = ladder(self.path, wanted.listing, now, "ask" if wanted.side == "BUY" else "bid", self.rules)[0][0]
            if wanted.price >= best if wanted.side == "BUY" else wanted.price <= best:
                raise Refusal(-2010, "Order would immediately match and take.")

    def _check_funds(self, order: Order, now: int) -> None:
        """A market order locks nothing, but must be payable from what is free."""
        needed, left = NOUGHT, order.quantity
        for level in self._book.levels(order.listing, order.side, now):
            taken = min(left, level.left)
            needed += taken * (level.price if order.buys else 1)
            left -= taken
        if self.accounts[order.account].holding(order.spends).free < needed:
            raise Refusal(-2010, "Account has insufficient balance for requested action.")

    def _sized(self, wanted: NewOrder, now: int) -> NewOrder:
        """Turn a market order's quote amount into a quantity."""
        if not wanted.quote_quantity:
            return wanted
        lot, money, quantity = Decimal(wanted.listing.lot), wanted.quote_quantity, NOUGHT
        for level in self._book.levels(wanted.listing, wanted.side, now):
            taken = min(level.left, money / level.price // lot * lot)
            money -= taken * level.price
            quantity += taken
            if taken < level.left:
                break
        return replace(wanted, quantity=quantity)

    def _within(self, order: Order, limit: Decimal | None, at: int) -> Decimal:
        """What could be had at once at the limit or better."""
        levels = self._book.levels(order.listing, order.side, at)
        return sum(
            (
                level.left
                for level in levels
                if limit is None or (level.price <= limit if order.buys else level.price >= limit)
            ),
            NOUGHT,
        )
