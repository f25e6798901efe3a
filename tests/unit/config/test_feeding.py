from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from investbot.config.feeding import FeedPart, Pull
from investbot.config.fleet import FLEET_FILE, init_fleet, load_fleet
from investbot.domain.errors import ConfigError
from investbot.domain.market import HOUR, Timeframe


def test_there_is_a_feed_and_it_keeps_nothing_by_itself() -> None:
    assert FeedPart.model_validate({}) == FeedPart(enabled=True, pulls=())


def test_pulls_are_read_and_written_as_an_operator_writes_them() -> None:
    told = FeedPart.model_validate({"enabled": False, "pulls": ["binance BTC/USDT 1h", " okx  ETH/USDT   5m "]})
    assert told.pulls[0] == Pull("binance", "BTC/USDT", Timeframe("1h", HOUR))
    assert told.model_dump() == {"enabled": False, "pulls": ["binance BTC/USDT 1h", "okx ETH/USDT 5m"]}
    assert FeedPart.model_validate({"pulls": told.pulls}).pulls == told.pulls


def test_one_that_stands_twice_counts_once() -> None:
    assert len(FeedPart.model_validate({"pulls": ["okx A/B 1h", "okx  A/B  1h"]}).pulls) == 1


@pytest.mark.parametrize(
    ("pulls", "said"),
    [
        ("binance BTC/USDT 1h", "write a list"),
        (5, "write a list"),
        (["binance BTC/USDT"], "is not a venue, a symbol and a timeframe"),
        (["binance BTCUSDT 1h"], "is not a venue, a symbol and a timeframe"),
        ([7], "is not a venue, a symbol and a timeframe"),
        (["binance BTC/USDT soon"], "is not a timeframe"),
    ],
)
def test_what_is_no_pull_is_refused(pulls: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FeedPart.model_validate({"pulls": pulls})


def test_the_line_of_a_new_home_is_valid_and_mistakes_are_pointed_at(tmp_path: Path) -> None:
    init_fleet(tmp_path)
    file = tmp_path / FLEET_FILE
    file.write_text(file.read_text().replace("# [feed]", "[feed]").replace("# pulls =", "pulls ="))
    assert [str(pull) for pull in load_fleet(tmp_path).feed.pulls] == ["binance BTC/USDT 1h"]
    file.write_text(file.read_text().replace("1h", "later"))
    with pytest.raises(ConfigError, match=r"feed\.pulls"):
        load_fleet(tmp_path)
