from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from investbot.config.consistency import Findings
from investbot.config.profile import Profile
from tests.unit.config.builders import profile


def broken(**sections: Any) -> dict[str, str]:
    """Give the rules that are broken: the key to change first -> why."""
    try:
        Profile.model_validate(sections)
    except ValidationError as error:
        cause = error.errors()[0].get("ctx", {}).get("error")
    else:
        return {}
    assert isinstance(cause, Findings)
    assert all(each.sentence in str(cause) for each in cause.findings)
    return {each.keys[0]: each.sentence for each in cause.findings}


WIDE = {"allow_wide": True}


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"exits": {"stop_min": "0.009", "stop_max": "0.008", "stop_fraction": "0.008"}}, "exits.stop_min"),
        ({"exits": {"stop_fraction": "0.009", "stop_max": "0.008"}}, "exits.stop_fraction"),
        ({"exits": {"stop_fraction": "0.006", "stop_min": "0.007"}}, "exits.stop_fraction"),
        ({"risk": WIDE, "exits": {"stop_fraction": "0.02", "stop_max": "0.01"}}, "exits.stop_fraction"),
        ({"risk": WIDE, "exits": {"stop_fraction": "0.004", "stop_min": "0.005"}}, "exits.stop_fraction"),
        ({"exits": {"stop_fraction": "0.02"}}, "exits.stop_fraction"),
        ({"risk": {"position_fraction": "0.021"}}, "risk.position_fraction"),
        ({"exits": {"stop_min": "0.004"}}, "exits.stop_min"),
        ({"exits": {"stop_max": "0.011"}}, "exits.stop_max"),
        ({"exits": {"targets": [["0.009", 1]]}}, "exits.targets"),
        ({"exits": {"targets": [["0.02", "0.5"], ["0.051", "0.5"]]}}, "exits.targets"),
        ({"market": {"timeframe": "5m", "confirm_timeframe": "5m"}}, "market.confirm_timeframe"),
        ({"market": {"timeframe": "15m", "confirm_timeframe": "5m"}}, "market.confirm_timeframe"),
        ({"market": {"timeframe": "10m", "confirm_timeframe": "15m"}}, "market.confirm_timeframe"),
        ({"market": {"timeframe": "5m", "stale_after": "4m"}}, "market.stale_after"),
        ({"market": {"symbols": "BTC/USDT, ETH/EUR"}}, "market.symbols"),
        ({"venue": {"name": "synthetic", "mode": "live"}}, "venue.mode"),
        ({"venue": {"name": "replay"}}, "venue.replay.file"),
        ({"venue": {"name": "replay", "replay": {"file": "a", "files": {"BTC/USDT": "b"}}}}, "venue.replay.file"),
        (
            {"venue": {"name": "replay", "replay": {"file": "a"}}, "market": {"symbols": "A/C,B/C"}},
            "venue.replay.file",
        ),
        (
            {"venue": {"name": "replay", "replay": {"files": {"A/C": "a"}}}, "market": {"symbols": "A/C,B/C"}},
            "venue.replay.files",
        ),
        ({"restart": {"backoff": "21s"}}, "restart.backoff"),
        ({"logging": {"max_bytes": 10, "total_bytes": 9}}, "logging.total_bytes"),
    ],
)
def test_a_broken_rule_names_the_key_to_change(sections: dict[str, Any], key: str) -> None:
    found = broken(**sections)
    assert key in found
    assert found[key].endswith(".")


@pytest.mark.parametrize(
    "sections",
    [
        {"exits": {"stop_fraction": "0.005"}},
        {"exits": {"stop_fraction": "0.007", "stop_min": "0.007", "stop_max": "0.007"}},
        {"risk": {"position_fraction": "0.02"}},
        {"exits": {"targets": [["0.01", "0.5"], ["0.05", "0.5"]]}},
        {"risk": {**WIDE, "position_fraction": 1}, "exits": {"targets": [["0.5", 1]]}},
        {"risk": WIDE, "exits": {"stop_min": "0.001", "stop_max": "0.2"}},
        {"market": {"timeframe": "5m", "confirm_timeframe": "10m"}},
        {"market": {"timeframe": "5m", "stale_after": "5m"}},
        {"market": {"symbols": "BTC/USDT, ETH/USDT"}},
        {"venue": {"mode": "live"}},
        {"venue": {"name": "replay", "replay": {"file": "a"}}},
        {"venue": {"name": "replay", "replay": {"files": {"A/C": "a", "B/C": "b"}}}, "market": {"symbols": "A/C,B/C"}},
        {"venue": {"replay": {"file": "a", "files": {"BTC/USDT": "b"}}}},
        {"restart": {"backoff": "20s"}},
        {"logging": {"max_bytes": 10, "total_bytes": 10}},
    ],
)
def test_what_just_fits_is_taken(sections: dict[str, Any]) -> None:
    assert broken(**sections) == {}


def test_a_stop_beyond_the_rails_names_the_rail_and_the_bound() -> None:
    found = broken(exits={"stop_fraction": "0.02", "stop_max": "0.02"})
    assert found["exits.stop_fraction"] == "0.02 is outside 0.005 to 0.01; risk.allow_wide = true lifts that."
    assert profile(risk=WIDE, exits={"stop_fraction": "0.02", "stop_max": "0.02"}).exits.stop_max


def test_a_stop_beyond_the_rails_is_told_once() -> None:
    assert broken(exits={"stop_fraction": "0.02"}) == {
        "exits.stop_fraction": "0.02 is outside 0.005 to 0.01; risk.allow_wide = true lifts that."
    }
