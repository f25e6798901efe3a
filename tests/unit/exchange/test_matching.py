from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest

from tests.exchange.truth import truth, unbalanced
from tests.exchange.values import NOUGHT, Refusal, VenueRules
from tests.unit.exchange.stand import Stand, on_tick

CENT = Decimal("0.01")


@pytest.fixture
def stand() -> Stand:
    return Stand()


def refused(stand: Stand, **query: object) -> Refusal:
    before = json.dumps(truth(stand.core)["accounts"])
    with pytest.raises(Refusal) as refusal:
        stand.order(**query)
    assert json.dumps(truth(stand.core)["accounts"]) == before
    return refusal.value


def test_a_market_buy_takes_several_levels_and_pays_its_fee_in_base(stand: Stand) -> None:
    order = stand.order(quantity="0.05")
    trades = stand.trades(order)
    assert order.status == "FILLED"
    assert len(trades) > 2
    assert [trade.price for trade in trades] == sorted(trade.price for trade in trades)
    assert all(trade.price > stand.price and not trade.maker and trade.fee_asset == "BTC" for trade in trades)
    fees = sum(trade.fee for trade in trades)
    assert fees == sum((trade.quantity * CENT / 10).quantize(Decimal("1e-8"), "ROUND_DOWN") for trade in trades)
    assert stand.free("BTC") == Decimal("0.15") - fees
    assert stand.free("USDT") == 10_000 - sum(trade.price * trade.quantity for trade in trades)
    assert len({trade.trade_id for trade in trades}) == len(trades)


def test_a_market_sell_pays_its_fee_in_quote(stand: Stand) -> None:
    order = stand.order(side="SELL", quantity="0.02")
    got = sum(trade.quote - trade.fee for trade in stand.trades(order))
    assert all(0 <= trade.quote / 1000 - trade.fee < Decimal("1e-8") for trade in stand.trades(order))
    assert any(trade.quote / 1000 != trade.fee for trade in stand.trades(order))
    assert {trade.fee_asset for trade in stand.trades(order)} == {"USDT"}
    assert (stand.free("BTC"), stand.free("USDT")) == (Decimal("0.08"), 10_000 + got)


def test_a_quote_amount_is_never_exceeded(stand: Stand) -> None:
    query = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "1000"}
    from tests.exchange import filters

    wanted = filters.read(query, stand.core.rules, "x")
    order = stand.core.matching.place("main", wanted, stand.clock.at, "test")
    assert order.status == "FILLED"
    assert 998 < order.quote <= 1000


def test_what_one_takes_is_gone_for_the_next_in_the_same_second(stand: Stand) -> None:
    first = stand.trades(stand.order(quantity="0.02"))[-1].price
    assert stand.trades(stand.order(account="other", quantity="0.02"))[0].price >= first


def test_a_resting_limit_locks_and_trades_at_its_own_price_as_maker(stand: Stand) -> None:
    price = on_tick(stand.price * Decimal("0.99"))
    order = stand.limit(price, quantity="0.1")
    assert (order.status, stand.locked("USDT")) == ("NEW", price * Decimal("0.1"))
    stand.wait(5)
    assert stand.again(order).status == "NEW"
    stand.move(0.98985)
    partly = stand.again(order)
    assert partly.status == "PARTIALLY_FILLED"
    assert stand.locked("USDT") == price * partly.remaining
    stand.move(0.98, 30)
    done = stand.again(order)
    assert (done.status, stand.locked("USDT")) == ("FILLED", NOUGHT)
    assert len(stand.trades(order)) > 1
    assert {(trade.price, trade.maker) for trade in stand.trades(order)} == {(price, True)}


def test_cancelling_gives_back_what_was_locked(stand: Stand) -> None:
    order = stand.limit(on_tick(stand.price * Decimal("0.9")))
    ended = stand.core.matching.cancel(order, "c", stand.clock.at)
    assert (ended.status, stand.free("USDT"), stand.locked("USDT")) == ("CANCELED", Decimal(10_000), NOUGHT)


def test_immediate_or_cancel_takes_what_is_within_its_limit(stand: Stand) -> None:
    order = stand.limit(stand.price + Decimal(8), "IOC", quantity="0.1")
    assert order.status == "EXPIRED"
    assert 0 < order.executed < Decimal("0.1")
    assert all(trade.price <= order.price for trade in stand.trades(order))
    assert stand.locked("USDT") == 0
    assert stand.limit(on_tick(stand.price * Decimal("0.99")), "IOC").executed == 0


def test_fill_or_kill_does_all_or_nothing(stand: Stand) -> None:
    killed = stand.limit(stand.price + Decimal(8), "FOK", quantity="0.1")
    assert (killed.status, killed.executed) == ("EXPIRED", NOUGHT)
    assert stand.limit(on_tick(stand.price * Decimal("1.01")), "FOK", quantity="0.1").status == "FILLED"


def test_a_stop_waits_for_its_price_and_then_sells_at_the_market(stand: Stand) -> None:
    order = stand.stop(on_tick(stand.price * Decimal("0.97")))
    assert stand.locked("BTC") == Decimal("0.01")
    stand.move(0.98, 3)
    assert (stand.again(order).status, stand.again(order).working) == ("NEW", False)
    stand.move(0.98)
    assert stand.again(order).status == "FILLED"
    assert all(trade.price <= stand.price and not trade.maker for trade in stand.trades(order))
    assert stand.locked("BTC") == 0


def test_a_stop_limit_that_the_price_jumps_over_stays_open(stand: Stand) -> None:
    stop, limit = on_tick(stand.price * Decimal("0.97")), on_tick(stand.price * Decimal("0.965"))
    order = stand.stop(stop, type="STOP_LOSS_LIMIT", price=limit, timeInForce="GTC")
    stand.move(0.9)
    assert (stand.again(order).status, stand.again(order).working) == ("NEW", True)
    assert stand.locked("BTC") == Decimal("0.01")
    stand.move(1.1, 5)
    assert stand.again(order).status == "FILLED"
    assert {trade.price for trade in stand.trades(order)} == {limit}


def test_a_stop_that_buys_and_a_take_profit_that_sells_wait_for_a_rise(stand: Stand) -> None:
    above = on_tick(stand.price * Decimal("1.02"))
    buys = stand.order(type="STOP_LOSS", stopPrice=above)
    sells = stand.order(type="TAKE_PROFIT", side="SELL", stopPrice=above)
    stand.wait(2)
    assert (stand.again(buys).status, stand.again(sells).status) == ("NEW", "NEW")
    stand.move(1.03)
    assert (stand.again(buys).status, stand.again(sells).status) == ("FILLED", "FILLED")


def test_of_a_pair_the_stop_expires_the_limit(stand: Stand) -> None:
    pair = stand.pair(
        price=on_tick(stand.price * Decimal("1.02")),
        stopPrice=on_tick(stand.price * Decimal("0.98")),
        stopLimitPrice=on_tick(stand.price * Decimal("0.95")),
    )
    stop, limit = (stand.core.records.current(number) for number in pair.order_ids)
    assert stand.locked("BTC") == Decimal("0.01")
    stand.move(0.97, 3)
    assert (stand.again(stop).status, stand.again(limit).status) == ("FILLED", "EXPIRED")
    assert stand.core.records.lists[pair.list_id].done


def test_of_a_pair_the_limits_first_trade_expires_the_stop(stand: Stand) -> None:
    pair = stand.pair(
        aboveType="LIMIT_MAKER",
        abovePrice=on_tick(stand.price * Decimal("1.02")),
        belowType="STOP_LOSS",
        belowStopPrice=on_tick(stand.price * Decimal("0.98")),
    )
    stop, limit = (stand.core.records.current(number) for number in pair.order_ids)
    assert not stand.core.records.lists[pair.list_id].done
    stand.move(1.03, 5)
    assert (stand.again(stop).status, stand.again(limit).status) == ("EXPIRED", "FILLED")
    assert stand.locked("BTC") == 0


def test_cancelling_one_of_a_pair_cancels_both(stand: Stand) -> None:
    pair = stand.pair(price=on_tick(stand.price * Decimal("1.02")), stopPrice=on_tick(stand.price * Decimal("0.98")))
    stop, limit = (stand.core.records.current(number) for number in pair.order_ids)
    stand.core.matching.cancel(stop, "c", stand.clock.at)
    assert [stand.again(order).status for order in (stop, limit)] == ["CANCELED", "CANCELED"]
    assert stand.locked("BTC") == 0


def test_a_client_id_is_unique_among_open_orders_only(stand: Stand) -> None:
    stand.order(newClientOrderId="mine")
    stand.order(newClientOrderId="mine")
    far = on_tick(stand.price * Decimal("0.9"))
    resting = stand.limit(far, newClientOrderId="mine")
    refusal = refused(stand, type="LIMIT", timeInForce="GTC", price=far, newClientOrderId="mine")
    assert (refusal.code, refusal.message) == (-2010, "Duplicate order sent.")
    found = stand.core.records.find("main", "BTCUSDT", {"origClientOrderId": "mine"})
    assert found is not None
    assert found.order_id == resting.order_id
    stand.order(account="other", newClientOrderId="mine")


def test_what_cannot_be_paid_is_refused_and_changes_nothing(stand: Stand) -> None:
    words = "Account has insufficient balance for requested action."
    for query in ({"quantity": "1"}, {"quantity": "0.2", "side": "SELL"}):
        assert refused(stand, **query).message == words
    far = on_tick(stand.price * Decimal("0.9"))
    assert refused(stand, type="LIMIT", timeInForce="GTC", price=far, quantity="1").message == words
    assert refused(stand, type="STOP_LOSS", side="SELL", stopPrice=far, quantity="0.2").message == words


def test_a_stop_that_would_trigger_at_once_is_refused(stand: Stand) -> None:
    for side, price in (("SELL", stand.price), ("BUY", stand.price)):
        refusal = refused(stand, type="STOP_LOSS", side=side, stopPrice=price)
        assert (refusal.code, refusal.message) == (-2010, "Stop price would trigger immediately.")


def test_a_maker_that_would_take_is_refused(stand: Stand) -> None:
    refusal = refused(stand, type="LIMIT_MAKER", price=stand.price + 1)
    assert (refusal.code, refusal.message) == (-2010, "Order would immediately match and take.")


def test_a_market_order_expires_where_the_book_ends() -> None:
    stand = Stand(rules=VenueRules(depth=Decimal("0.01")))
    order = stand.order(side="SELL", quantity="0.1")
    assert order.status == "EXPIRED"
    assert 0 < order.executed < Decimal("0.1")


@pytest.mark.parametrize("seed", range(5))
def test_no_digit_is_lost_whatever_is_done(seed: int) -> None:
    one, two = _wild(seed), _wild(seed)
    assert one == two
    trades = [trade for account in one["accounts"].values() for trade in account["trades"]]
    orders = {order["orderId"]: order for account in one["accounts"].values() for order in account["orders"]}
    assert len(trades) > 100
    assert {order["status"] for order in orders.values()} >= {"FILLED", "CANCELED", "EXPIRED", "NEW"}
    for number, order in orders.items():
        parts = [trade for trade in trades if trade["orderId"] == number]
        assert sum(Decimal(trade["qty"]) for trade in parts) == Decimal(order["executedQty"])
        assert sum(Decimal(trade["quoteQty"]) for trade in parts) == Decimal(order["cummulativeQuoteQty"])


def _wild(seed: int) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
    dice, stand = random.Random(seed), Stand(seed)
    for _ in range(250):
        stand.wait(dice.randrange(1, 20))
        account, side = dice.choice(("main", "other")), dice.choice(("BUY", "SELL"))
        price = on_tick(stand.price * Decimal(str(round(dice.uniform(0.997, 1.003), 5))))
        query: dict[str, object] = {"quantity": Decimal(dice.randrange(20, 4000)) / 100_000, "side": side}
        kind = dice.choice(("MARKET", "LIMIT", "LIMIT", "IOC", "STOP_LOSS", "STOP_LOSS_LIMIT", "cancel", "pair"))
        try:
            if kind == "cancel":
                resting = stand.core.records.resting("BTCUSDT")
                if resting:
                    stand.core.matching.cancel(dice.choice(resting), "c", stand.clock.at)
            elif kind == "pair":
                low, high = (on_tick(stand.price * factor) for factor in (Decimal("0.999"), Decimal("1.001")))
                above, below = (high, low) if side == "SELL" else (low, high)
                stand.pair(side=side, quantity=query["quantity"], price=above, stopPrice=below)
            elif kind in {"LIMIT", "IOC"}:
                stand.limit(price, "IOC" if kind == "IOC" else "GTC", account=account, **query)
            elif kind == "STOP_LOSS_LIMIT":
                stand.stop(price, account=account, type=kind, price=price, timeInForce="GTC", **query)
            elif kind == "STOP_LOSS":
                stand.order(account, type=kind, stopPrice=price, **query)
            else:
                stand.order(account, **query)
        except Refusal:
            continue
        finally:
            assert unbalanced(stand.core) == []
    told = truth(stand.core)
    return {"accounts": told["accounts"]}
