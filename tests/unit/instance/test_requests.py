"""Operators' requests to a running instance: answered from what is durable, refused in one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import ConfigError, DataError, InvestBotError, TryAgain, UsageError
from investbot.domain.facts import Fact, OperatorRequest
from investbot.domain.market import MINUTE
from investbot.domain.states import TradingState
from investbot.domain.times import rfc3339
from investbot.instance.flatten import flatten
from investbot.instance.runner import Runner
from tests.unit.instance.hosts import BTC, PLAIN, Host, candle, make_engine, make_market, walk


def request(action: str, **more: Any) -> InstanceRequest:
    return InstanceRequest.model_validate({"action": action, **more})


def until_held(seed: int = 1) -> list[Any]:
    """Candles up to the one after which something is held."""
    host_candles = walk(400, seed)
    engine = make_engine({BTC: PLAIN})
    market = make_market(engine)
    engine.begin(host_candles[0].opened_at)
    for number, each in enumerate(host_candles, 1):
        market.step(each)
        if any(holding.quantity for holding in engine.state.holdings.values()):
            return host_candles[:number]
    raise AssertionError


@pytest.fixture
def host() -> Host:
    return Host(until_held())


@pytest.fixture
async def runner(host: Host) -> AsyncIterator[Runner]:
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: made._loop and made._loop.candles == len(host.candles))
    yield made
    made.stop()
    await task


async def test_pause_and_resume(host: Host, runner: Runner) -> None:
    paused = await runner.serve(request("pause", by="ana"))
    assert paused["paused"] == {"operator": "paused by ana"}
    assert paused["trading_state"] == "ACTIVE"
    assert [row["kind"] for row in paused["events"]] == ["EntriesPaused"]
    assert paused["events"] == host.ledger.rows()[-1:]
    assert paused["events"][0]["at"] == rfc3339(host.candles[-1].at)
    assert (await runner.serve(request("pause")))["events"] == []
    assert (await runner.serve(request("resume")))["paused"] == {}
    assert host.link.rows[-1]["paused"] == {}


async def test_flatten_answers_when_flat(host: Host, runner: Runner) -> None:
    assert host.link.rows[-1]["open_positions"] in {0, 1}
    answer = await runner.serve(request("flatten", by="ana"))
    assert answer["flat"] is True
    assert answer["dust"] == {}
    kinds = [row["kind"] for row in answer["events"]]
    assert kinds[0] == "EntriesPaused"
    assert "PositionClosed" in kinds
    assert host.link.rows[-1]["open_positions"] == 0
    assert answer["cash"] == host.link.rows[-1]["cash"]


async def test_close_answers_when_that_symbol_is_flat(host: Host, runner: Runner) -> None:
    answer = await runner.serve(request("close", symbol=BTC))
    assert answer["flat"] is True
    assert answer["paused"] == {}
    with pytest.raises(DataError, match="Nothing is held in BTC/USDT, so there is nothing to close"):
        await runner.serve(request("close", symbol=BTC))


async def test_an_answer_waits_until_it_has_come_true(
    host: Host, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A market that does not fill at once: the answer comes with the fact that makes it true."""
    assert runner._loop is not None
    market = runner._loop._market
    later: list[Fact] = []
    whole = market.handle

    def handle(fact: Fact) -> list[Any]:
        if isinstance(fact, OperatorRequest) and not later:
            later.append(fact)
            return []
        return whole(fact)

    monkeypatch.setattr(market, "handle", handle)
    waiting = asyncio.create_task(runner.serve(request("flatten")))
    await host.until(lambda: later)
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await runner.serve(request("close", symbol=BTC))
    answer = await waiting
    assert answer["flat"] is True
    assert "PositionClosed" in [row["kind"] for row in answer["events"]]


async def test_a_stop_refuses_whoever_still_waits(host: Host, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runner._loop is not None
    monkeypatch.setattr(runner._loop._market, "handle", lambda fact: [])
    waiting = asyncio.create_task(runner.serve(request("flatten")))
    await asyncio.sleep(0.02)
    runner.stop()
    behind = asyncio.create_task(runner._loop.ask(request("pause")))
    for each in (waiting, behind):
        with pytest.raises(TryAgain, match="alpha is stopping; ask again once it runs"):
            await each


async def test_allocate_books_the_new_capital(host: Host, runner: Runner) -> None:
    answer = await runner.serve(request("allocate", amount="1500.50"))
    assert answer["capital"] == "1500.50"
    assert answer["events"][0]["change"] == "500.50"
    with pytest.raises(ConfigError, match="close positions first"):
        await runner.serve(request("allocate", amount="1"))


async def test_size_says_what_the_rules_allow(host: Host, runner: Runner) -> None:
    price = host.candles[-1].close
    stop = (price * Decimal("0.992")).quantize(Decimal("0.01"))
    answer = await runner.serve(request("size", symbol=BTC, stop=str(stop)))
    assert answer["price"] == str(price)
    assert Decimal(answer["notional"]) <= 20
    assert Decimal(answer["risk"]) <= 10
    assert Decimal(answer["costs"]) == Decimal(answer["notional"]) * Decimal("0.002")
    assert abs(Decimal(answer["stop"]) / stop - 1) < Decimal("0.001")
    assert answer["targets"]


async def test_a_wider_stop_allows_less(host: Host) -> None:
    host.capital = Decimal(100_000)
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: made._loop and made._loop.candles == len(host.candles))
    price = host.candles[-1].close
    near, far = [
        await made.serve(request("size", symbol=BTC, stop=f"{price * part:.2f}"))
        for part in (Decimal("0.994"), Decimal("0.991"))
    ]
    made.stop()
    await task
    assert Decimal(near["risk"]) < Decimal(far["risk"])
    assert Decimal(near["stop"]) > Decimal(far["stop"])


@pytest.mark.parametrize(
    ("asked", "kind", "sentence"),
    [
        ({"action": "close"}, UsageError, "lacks its symbol"),
        ({"action": "size", "symbol": BTC}, UsageError, "lacks its stop"),
        ({"action": "allocate"}, UsageError, "lacks its amount"),
        ({"action": "close", "symbol": "X/USDT"}, DataError, "alpha does not trade X/USDT; it trades BTC/USDT."),
        ({"action": "size", "symbol": BTC, "stop": "0"}, UsageError, "must lie between 0 and the last price"),
        ({"action": "size", "symbol": BTC, "stop": "9999"}, UsageError, "must lie between 0 and the last price"),
        ({"action": "size", "symbol": BTC, "stop": "50"}, DataError, "stop_max"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    runner: Runner, asked: dict[str, str], kind: type[InvestBotError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        await runner.serve(InstanceRequest.model_validate(asked))


async def test_before_the_first_candle_nothing_can_be_asked() -> None:
    host = Host([])
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: made._loop)
    with pytest.raises(TryAgain, match="has not seen its first candle yet"):
        await made.serve(request("pause"))
    host.venue.put(candle(0, 100.0))
    await host.until(lambda: made._loop and made._loop.candles)
    assert (await made.serve(request("pause")))["paused"]
    made.stop()
    await task


async def test_a_symbol_without_a_candle_has_no_size() -> None:
    host = Host([candle(0, 100.0)], symbols=(BTC, "ETH/USDT"))
    host.venue._instruments["ETH/USDT"] = host.venue._instruments[BTC]
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: made._loop and made._loop.candles)
    with pytest.raises(DataError, match="no candle of ETH/USDT yet"):
        await made.serve(request("size", symbol="ETH/USDT", stop="9"))
    made.stop()
    await task


async def test_a_request_is_never_ahead_of_candles_that_wait() -> None:
    """Replayed time runs ahead of what was worked on; a request counts as made where the engine stands."""
    host = Host(walk(3000), bound=8)
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: made._loop and made._loop.candles > 50)
    answer = await made.serve(request("pause"))
    made.stop()
    await task
    order = [row["at"] for row in host.ledger.rows()]
    assert order == sorted(order)
    assert answer["events"][0]["at"] in order


async def test_a_request_in_a_quiet_market_counts_as_made_now(host: Host, runner: Runner) -> None:
    host.venue._now = host.candles[-1].at + 17 * MINUTE
    at = (await runner.serve(request("pause")))["events"][0]["at"]
    assert at == rfc3339(host.candles[-1].at + 17 * MINUTE)


async def test_capital_changed_meanwhile_is_booked_first(host: Host, runner: Runner) -> None:
    runner.stop()
    await host.until(lambda: host.steps[-1] == "ledger closes")
    host.renew()
    host.capital = Decimal(700)
    made = host.runner()
    task = asyncio.create_task(made.run())
    await host.until(lambda: host.ledger.rows()[-1]["kind"] == "CapitalAllocated")
    made.stop()
    await task
    assert (host.ledger.rows()[-1]["amount"], host.ledger.rows()[-1]["change"]) == ("700", "-300")


async def test_a_stopped_instance_is_flattened(host: Host, runner: Runner) -> None:
    runner.stop()
    await host.until(lambda: host.steps[-1] == "ledger closes")
    before = host.ledger.rows()
    host.renew()
    answer = await flatten(host.parts(), "ana")
    assert answer["flat"] is True
    assert answer["events"] == host.ledger.rows()[len(before) :]
    assert host.steps[-2:] == ["venue closes", "ledger closes"]


async def test_what_cannot_be_flattened_is_said(host: Host, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    runner.stop()
    await host.until(lambda: host.steps[-1] == "ledger closes")
    host.renew()
    monkeypatch.setattr("investbot.engine.simulated.SimulatedMarket.handle", lambda self, fact: [])
    with pytest.raises(TryAgain, match="alpha still holds BTC/USDT"):
        await flatten(host.parts(), "ana")


async def test_a_fresh_instance_is_flat() -> None:
    host = Host(walk(10))
    answer = await flatten(host.parts(), "ana")
    assert (answer["flat"], answer["events"], host.ledger.rows()) == (True, [], [])


async def test_a_halt_is_lifted_by_a_resume(host: Host, runner: Runner) -> None:
    assert runner._loop is not None
    state = runner._loop._engine.state
    state.trading_state, state.reduced_by = TradingState.REDUCING, "daily_loss"
    with pytest.raises(TryAgain, match="stands until the next UTC day"):
        await runner.serve(request("resume"))
