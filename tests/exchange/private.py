"""Answers that need a key: orders, trades, balances, what the key may do."""

from __future__ import annotations

from tests.exchange import answers, filters
from tests.exchange.bars import listed
from tests.exchange.core import Call, Core
from tests.exchange.path import scatter
from tests.exchange.signing import invalid
from tests.exchange.values import NewOrder, Order, OrderList, Refusal, Trade

WEEK_MS = 7 * 86_400_000
PLAIN_TRADES = 40
"""Own trades that a plain exchange lists, the last ones, whatever is asked for."""


def new_order(core: Core, call: Call) -> object:
    wanted = _wanted(core, call)
    return _place(core, call, wanted)


def test_order(core: Core, call: Call) -> object:
    _wanted(core, call)
    return {}


def get_order(core: Core, call: Call) -> object:
    found = core.records.find(call.owner.account, _market(call), call.query, call.as_of)
    if found is None:
        raise Refusal(-2013, "Order does not exist.")
    return _echoed(core, answers.queried(found))


def cancel_order(core: Core, call: Call) -> object:
    _trader(call)
    cancel_id = call.query.get("newClientOrderId") or fresh_id(core)
    core.matching.advance(call.now)
    found = core.records.find(call.owner.account, _market(call), call.query)
    if found is None or not found.open:
        raise Refusal(-2011, "Unknown order sent.")
    ended = core.matching.cancel(found, cancel_id, call.now)
    return answers.cancelled(ended, cancel_id)


def cancel_all(core: Core, call: Call) -> object:
    _trader(call)
    core.matching.advance(call.now)
    market, told = _market(call), []
    mine = [order for order in core.records.resting(market) if order.account == call.owner.account]
    if not mine:
        raise Refusal(-2011, "Unknown order sent.")
    for order in mine:
        if core.records.current(order.order_id).open:
            cancel_id = fresh_id(core)
            told.append(answers.cancelled(core.matching.cancel(order, cancel_id, call.now), cancel_id))
    return told


def replace_order(core: Core, call: Call) -> object:
    """Cancel one order and place another; with STOP_ON_FAILURE the second only after the first."""
    wanted = _wanted(core, call)
    renamed = {"cancelOrderId": "orderId", "cancelOrigClientOrderId": "origClientOrderId"}
    named = {plain: call.query[name] for name, plain in renamed.items() if name in call.query}
    cancel_id = call.query.get("cancelNewClientOrderId") or fresh_id(core)
    core.matching.advance(call.now)
    found = core.records.find(call.owner.account, wanted.listing.id, named)
    told: dict[str, object] = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED"}
    told |= {"cancelResponse": Refusal(-2011, "Unknown order sent.").body(), "newOrderResponse": None}
    if found is not None and found.open:
        ended = core.matching.cancel(found, cancel_id, call.now)
        told |= {"cancelResult": "SUCCESS", "cancelResponse": answers.cancelled(ended, cancel_id)}
    elif call.query.get("cancelReplaceMode") != "ALLOW_FAILURE":
        raise Partly(-2022, "Order cancel-replace failed.", told)
    try:
        told |= {"newOrderResponse": _place(core, call, wanted), "newOrderResult": "SUCCESS"}
    except Refusal as refusal:
        told |= {"newOrderResponse": refusal.body(), "newOrderResult": "FAILURE"}
    if "FAILURE" in (told["cancelResult"], told["newOrderResult"]):
        code = -2022 if told["cancelResult"] == told["newOrderResult"] else -2021
        raise Partly(code, "Order cancel-replace partially failed.", told)
    return told


def new_pair(core: Core, call: Call) -> object:
    _trader(call)
    legs = filters.pair(call.query, core.rules, fresh_id(core))
    list_id = call.query.get("listClientOrderId") or fresh_id(core)
    made = core.matching.place_pair(call.owner.account, legs, list_id, call.now, call.owner.name)
    return answers.paired(made, core.records, reports=True)


def get_pair(core: Core, call: Call) -> object:
    return answers.paired(_pair(core, call, -2018), core.records, reports=False)


def cancel_pair(core: Core, call: Call) -> object:
    _trader(call)
    core.matching.advance(call.now)
    pair = _pair(core, call, -2011)
    legs = [core.records.current(number) for number in pair.order_ids]
    standing = [leg for leg in legs if leg.open]
    if not standing:
        raise Refusal(-2011, "Unknown order list sent.")
    core.matching.cancel(standing[0], call.query.get("newClientOrderId") or fresh_id(core), call.now)
    return answers.paired(core.records.lists[pair.list_id], core.records, reports=True)


def open_pairs(core: Core, call: Call) -> object:
    return [
        answers.paired(pair, core.records, reports=False)
        for pair in core.records.lists.values()
        if pair.account == call.owner.account and not pair.done
    ]


def open_orders(core: Core, call: Call) -> object:
    market = _market(call) if "symbol" in call.query else None
    return [
        _echoed(core, answers.queried(order))
        for order in core.records.orders(call.owner.account, call.as_of)
        if order.open and market in {None, order.listing.id}
    ]


def all_orders(core: Core, call: Call) -> object:
    """The latest of an account's orders, or those from a number or a time on."""
    market, query = _market(call), call.query
    rows = [order for order in core.records.orders(call.owner.account, call.as_of) if order.listing.id == market]
    start, end, most = int(query.get("startTime", 0)), int(query.get("endTime", call.now)), _most(query)
    if "orderId" in query:
        return [answers.queried(order) for order in rows if order.order_id >= int(query["orderId"])][:most]
    rows = [order for order in rows if start <= order.created_at <= end]
    return [answers.queried(order) for order in (rows[:most] if "startTime" in query else rows[-most:])]


def my_trades(core: Core, call: Call) -> object:
    """An account's trades: from a number or a time on the oldest, else the latest."""
    market, query = _market(call), call.query
    start, end, most = int(query.get("startTime", 0)), int(query.get("endTime", call.now)), _most(query)
    if end - start > WEEK_MS and "startTime" in query and "endTime" in query:
        raise Refusal(-1127, "More than 7 days between start and end time.")
    if "fromId" in query and ("startTime" in query or "endTime" in query):
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    rows = [
        trade
        for trade in core.records.trades(call.owner.account, call.as_of)
        if trade.listing.id == market
        and start <= trade.at <= end
        and trade.trade_id >= int(query.get("fromId", 0))
        and query.get("orderId", str(trade.order_id)) == str(trade.order_id)
    ]
    if core.plain:
        return [answers.traded(trade) for trade in rows[-PLAIN_TRADES:]]
    forward = "fromId" in query or "startTime" in query
    return [answers.traded(trade) for trade in (rows[:most] if forward else rows[-most:])]


def account(core: Core, call: Call) -> object:
    owner = core.accounts[call.owner.account]
    return answers.account(owner, owner.holdings(call.as_of), core.rules, trade=call.owner.trade)


def rights(core: Core, call: Call) -> object:
    key = call.owner
    return {
        "ipRestrict": key.ip_restricted,
        "createTime": 1_600_000_000_000,
        "enableReading": True,
        "enableWithdrawals": key.withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableSpotAndMarginTrading": key.trade,
        "enablePortfolioMarginTrading": False,
    }


def nothing(core: Core, call: Call) -> object:
    return []


class Partly(Refusal):
    """A cancel-replace of which at least one half failed; the answer tells both halves."""

    def __init__(self, code: int, message: str, told: dict[str, object]) -> None:
        super().__init__(code, message, 409 if code == -2021 else 400)
        self.told = told

    def body(self) -> dict[str, object]:
        return super().body() | {"data": self.told}


def fresh_id(core: Core) -> str:
    """A client order id for somebody who sent none."""
    return f"{scatter(core.seed, core.records.next_id()):016x}auto"


def _wanted(core: Core, call: Call) -> NewOrder:
    _trader(call)
    return filters.read(call.query, core.rules, fresh_id(core))


def _place(core: Core, call: Call, wanted: NewOrder) -> object:
    order: Order = core.matching.place(call.owner.account, wanted, call.now, call.owner.name)
    mine: list[Trade] = core.records.trades(call.owner.account)
    return _echoed(core, answers.placed(order, mine, wanted.answer))


def _echoed(core: Core, told: dict[str, object]) -> dict[str, object]:
    """Tell the client id as it was sent, or, plain, as a number of its own."""
    return told | {"clientOrderId": f"9{told['orderId']}"} if core.plain else told


def _pair(core: Core, call: Call, code: int) -> OrderList:
    for pair in core.records.lists.values():
        if pair.account == call.owner.account and (
            str(pair.list_id) == call.query.get("orderListId")
            or pair.client_id in {call.query.get("listClientOrderId"), call.query.get("origClientOrderId")}
        ):
            return pair
    raise Refusal(code, "Order list does not exist." if code == -2018 else "Unknown order list sent.")


def _trader(call: Call) -> None:
    if not call.owner.trade:
        raise invalid()


def _market(call: Call) -> str:
    if not call.query.get("symbol"):
        raise Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return listed(call.query["symbol"]).id


def _most(query: dict[str, str]) -> int:
    most = int(query.get("limit", 500))
    if not 1 <= most <= 1000:
        raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
    return most
