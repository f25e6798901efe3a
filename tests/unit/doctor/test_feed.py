from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from investbot.doctor.checks import feed
from investbot.doctor.issue import Issue, Level
from tests.unit.doctor.builders import make_home, make_host, make_instance


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def stream(**told: Any) -> dict[str, Any]:
    return {"venue": "binance", "symbol": "BTC/USDT", "timeframe": "1m", "subscribers": 3, "trouble": "", **told}


def look(home: Path, *streams: dict[str, Any], **facts: Any) -> list[Issue]:
    told = {"pid": 1, "streams": list(streams)} if streams else None
    return feed.check(make_host(home, feed_state=lambda: told, **facts))


def test_a_feed_that_is_well_tells_what_it_follows(home: Path) -> None:
    (issue,) = look(home, stream(), stream(symbol="ETH/USDT", subscribers=1))
    assert (issue.level, issue.what) == (Level.OK, "it follows 2 streams for 4 subscriptions")


def test_each_stream_in_trouble_is_told(home: Path) -> None:
    (issue,) = look(home, stream(), stream(symbol="ETH/USDT", trouble="The line is dead."))
    assert (issue.level, issue.what) == (Level.WARNING, "binance ETH/USDT 1m: The line is dead")
    assert issue.why
    assert str(home / "run" / "feed.log") in issue.fix


def test_one_that_is_needed_and_does_not_answer_is_missed(home: Path) -> None:
    make_instance(home, "alpha")
    (issue,) = look(home, supervisor_answers=lambda: True)
    assert (issue.level, issue.what) == (Level.WARNING, "none answers, and instances trade at an exchange")
    assert look(home)[0].what == "none runs"


def test_one_that_nobody_needs_is_not(home: Path) -> None:
    settings = make_instance(home, "alpha") / "instance.toml"
    settings.write_text(settings.read_text().replace('"binance"', '"synthetic"', 1))
    assert look(home, supervisor_answers=lambda: True) == [Issue("feed", Level.OK, "none runs")]
    settings.write_text("[venue")
    assert look(home, supervisor_answers=lambda: True) == [Issue("feed", Level.OK, "none runs")]


def test_one_that_is_switched_off_is_no_issue(home: Path) -> None:
    make_instance(home, "alpha")
    file = home / "investbot.toml"
    file.write_text(file.read_text().replace("# [feed]", "[feed]\nenabled = false"))
    (issue,) = look(home, supervisor_answers=lambda: True)
    assert (issue.level, issue.what.partition(":")[0]) == (Level.OK, "switched off")
    file.write_text("[fleet")
    assert look(home) == [Issue("feed", Level.OK, "none runs")]
