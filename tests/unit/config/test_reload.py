"""Which changes take effect at once: declared for every key of a profile, and parted as they are declared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from investbot.config.instance import InstanceConfig, set_values
from investbot.config.profile import Profile
from investbot.config.reload import KEYS, When, parted, when
from tests.unit.config.builders import instance


def keys(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from keys(part, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def told(*assignments: str, started: InstanceConfig | None = None, applied: InstanceConfig | None = None) -> list[str]:
    first = started or instance()
    now, later = parted(first, applied or first, set_values(applied or first, assignments))
    return [f"now {each.key}" for each in now] + [f"later {each.key}" for each in later]


def test_every_key_of_a_profile_says_when_it_takes_effect() -> None:
    assert set(KEYS) == set(keys(Profile))


@pytest.mark.parametrize("section", ["venue", "market", "strategy"])
def test_what_the_past_was_read_with_waits_for_the_start(section: str) -> None:
    assert {KEYS[key] for key in KEYS if key.startswith(f"{section}.")} == {When.START}


@pytest.mark.parametrize("section", ["risk", "costs", "notify", "logging"])
def test_rules_and_news_take_effect_at_once(section: str) -> None:
    assert {KEYS[key] for key in KEYS if key.startswith(f"{section}.")} == {When.NOW}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("risk.cooldown", When.NOW),
        ("strategy.parameters.fast", When.START),
        ("venue.ccxt.options.x", When.START),
        ("nobody.declared.this", When.START),
        ("", When.START),
    ],
)
def test_a_key_in_a_table_waits_as_its_table_does(key: str, expected: When) -> None:
    assert when(key, None) is expected


def test_changes_are_parted() -> None:
    assert told("risk.max_open_positions=2", "market.confirm_timeframe=15m", "exits.max_age=2h") == [
        "now risk.max_open_positions",
        "now exits.max_age",
        "later market.confirm_timeframe",
    ]


def test_a_stop_by_atr_needs_the_start_unless_the_process_follows_it_already() -> None:
    assert told("exits.stop_atr=2") == ["later exits.stop_atr"]
    with_atr = set_values(instance(), ["exits.stop_atr=2"])
    assert told("exits.stop_atr=3", started=with_atr) == ["now exits.stop_atr"]
    assert told("exits.stop_atr=", started=with_atr) == ["now exits.stop_atr"]
    without = set_values(with_atr, ["exits.stop_atr="])
    assert told("exits.stop_atr=3", started=with_atr, applied=without) == ["now exits.stop_atr"]


def test_what_waits_goes_on_waiting_and_is_let_go_when_it_is_taken_back() -> None:
    first = instance()
    second = set_values(first, ["market.confirm_timeframe=15m"])
    assert told("risk.max_open_positions=2", started=first, applied=second) == [
        "now risk.max_open_positions",
        "later market.confirm_timeframe",
    ]
    assert told("market.confirm_timeframe=", started=first, applied=second) == []


def test_whose_it_is_counts_for_nothing() -> None:
    first, other = instance(), instance(capital="900")
    assert parted(first, first, other) == ([], [])
