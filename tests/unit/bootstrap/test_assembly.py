"""From an operator's file to venue, strategy and terms."""

from __future__ import annotations

from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.adapters.venues.replay import ReplayVenue
from investbot.adapters.venues.synthetic import SyntheticVenue
from investbot.bootstrap import venues
from investbot.bootstrap.assembly import engine_spec, identity_of, strategy_of
from investbot.bootstrap.venues import make_venue, venue_names
from investbot.config.instance import new_instance
from investbot.config.layers import from_assignments
from investbot.config.profile import Profile
from investbot.domain.errors import ConfigError, DataError
from investbot.domain.facts import SourceEnded
from investbot.domain.market import Candle, Instrument
from investbot.strategies.ma_cross import MovingAverageCross
from tests.integration.instance_homes import write_candles

ETH = Instrument("ETH/USDT", Decimal("0.01"), Decimal("0.1"))
BTC = Instrument("BTC/USDT", Decimal("0.1"), Decimal("0.001"))


def profile(*settings: str) -> Profile:
    return Profile.model_validate(from_assignments(settings).data)


def test_an_engine_gets_the_terms_of_the_profile_in_its_order() -> None:
    told = profile('market.symbols=["ETH/USDT", "BTC/USDT"]', "risk.max_open_positions=2", "costs.slippage=0.001")
    spec = engine_spec(told, {"BTC/USDT": BTC, "ETH/USDT": ETH}, Decimal(500), "home/alpha")
    assert list(spec.instruments) == ["ETH/USDT", "BTC/USDT"]
    assert (spec.capital, spec.namespace, spec.timeframe.text) == (Decimal(500), "home/alpha", "1m")
    assert (spec.risk.max_open_positions, spec.costs.slippage) == (2, Decimal("0.001"))
    assert spec.targets_rest
    assert not engine_spec(profile("venue.mode=live"), {"BTC/USDT": BTC}, Decimal(500), "home/alpha").targets_rest


def test_a_strategy_gets_its_parameters(tmp_path: Path) -> None:
    told = profile("strategy.name=ma_cross", "strategy.parameters.fast=3", "strategy.parameters.slow=8")
    assert strategy_of(told, tmp_path) == MovingAverageCross(3, 8)


def test_an_instance_says_who_it_is() -> None:
    made = new_instance("alpha", profile("strategy.name=ma_cross"), "mine", Decimal(500), 0)
    row = identity_of(made).row()
    assert (row["name"], row["mode"], row["venue"], row["profile"]) == ("alpha", "paper", "binance", "mine")
    assert (row["symbols"], row["timeframe"], row["strategy"]) == (["BTC/USDT"], "1m", "ma_cross")


async def test_a_replay_takes_file_rules_and_speed(tmp_path: Path) -> None:
    file = write_candles(tmp_path / "candles.csv", 20)
    told = profile("venue.name=replay", f"venue.replay.file={file}", "venue.replay.speed=0", "venue.instrument.lot=0.5")
    venue = make_venue(told)
    assert isinstance(venue, ReplayVenue)
    instruments = await venue.open(["BTC/USDT"])
    assert instruments["BTC/USDT"] == Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.5"))
    facts = [fact async for fact in venue.facts({}, None)]
    assert len(facts) == 21
    await venue.close()


async def test_a_replay_of_several_files_knows_each_symbol(tmp_path: Path) -> None:
    one, two = write_candles(tmp_path / "one.csv", 5), write_candles(tmp_path / "two.csv", 5, seed=2)
    files = f'venue.replay.files={{ "BTC/USDT" = "{one}", "ETH/USDT" = "{two}" }}'
    venue = make_venue(
        profile(
            "venue.name=replay",
            files,
            'market.symbols=["BTC/USDT", "ETH/USDT"]',
            "venue.instrument.tick=0.5",
            "venue.instrument.min_notional=5",
        )
    )
    with pytest.raises(DataError):
        await venue.open(["X/USDT"])


async def test_a_synthetic_market_is_made_from_its_seed() -> None:
    venue = make_venue(profile("venue.name=synthetic", "venue.synthetic.seed=5", "venue.synthetic.candles=30"))
    assert isinstance(venue, SyntheticVenue)
    assert venue.health()["source"] == "synthetic, seed 5"
    assert venue.health()["candles"] == "30"


async def test_a_synthetic_market_starts_where_it_is_told_to() -> None:
    told = ("venue.name=synthetic", "venue.synthetic.candles=30", "venue.synthetic.price=7", "venue.synthetic.speed=0")
    venue = make_venue(profile(*told, "venue.synthetic.close_at_end=false", "venue.synthetic.volatility=0.0001"))
    await venue.open(["BTC/USDT"])
    facts = [fact async for fact in venue.facts({}, None)]
    assert isinstance(facts[0], Candle)
    assert abs(facts[0].close / 7 - 1) < Decimal("0.01")
    assert facts[-1] == SourceEnded(facts[-2].at, close=False)


async def test_any_other_name_is_an_exchange() -> None:
    assert isinstance(make_venue(profile("venue.name=kraken")), CcxtVenue)
    venue = make_venue(profile("venue.name=krakn"))
    with pytest.raises(ConfigError, match="There is no venue krakn"):
        await venue.open(["BTC/USDT"])


def test_a_registered_venue_comes_before_exchanges(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("mine", "tests.unit.bootstrap.test_assembly:of_mine", venues.VENUES)
    monkeypatch.setattr(venues, "entry_points", lambda group: [entry])
    assert make_venue(profile("venue.name=mine")) == "my venue of mine"  # type: ignore[comparison-overlap]
    assert venue_names() == ["mine", "replay", "synthetic"]


def of_mine(told: Any) -> str:
    return f"my venue of {told.venue.name}"
