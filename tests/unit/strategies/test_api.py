"""Parameters are declared once and held to their declaration."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest

from investbot.domain.errors import ConfigError
from investbot.strategies.api import check_parameters, parameter


@dataclass(frozen=True, slots=True)
class Sample:
    period: int = parameter(9, "bars", least=2, most=100)
    level: float = parameter(45.0, "0..100", least=0.0)
    most: float = parameter(1.0, "at most one", most=1.0)
    kind: str = parameter("ema", "which", choices=("ema", "sma"))
    strict: bool = parameter(False, "whether")

    def __post_init__(self) -> None:
        check_parameters(self)


def test_a_declaration_can_be_read_back() -> None:
    by_name = {each.name: dict(each.metadata) for each in fields(Sample)}
    assert by_name == {
        "period": {"help": "bars", "min": 2, "max": 100},
        "level": {"help": "0..100", "min": 0.0},
        "most": {"help": "at most one", "max": 1.0},
        "kind": {"help": "which", "choices": ("ema", "sma")},
        "strict": {"help": "whether"},
    }


def test_bounds_are_inclusive_and_a_number_may_be_written_whole() -> None:
    assert Sample(period=2).period == 2
    assert Sample(period=100).period == 100
    assert Sample(level=30).level == 30
    assert Sample(kind="sma", strict=True).strict


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"period": 1}, "The strategy parameter period must lie within 2 and 100, not 1."),
        ({"period": 101}, "The strategy parameter period must lie within 2 and 100, not 101."),
        ({"period": 9.5}, "The strategy parameter period must be a whole number, not 9.5."),
        ({"period": True}, "The strategy parameter period must be a whole number, not True."),
        ({"level": -0.1}, "The strategy parameter level must lie within 0.0 and any, not -0.1."),
        ({"level": float("nan")}, "The strategy parameter level must lie within 0.0 and any, not nan."),
        ({"level": "high"}, "The strategy parameter level must be a number, not 'high'."),
        ({"most": 1.5}, "The strategy parameter most must lie within any and 1.0, not 1.5."),
        ({"kind": "wma"}, "The strategy parameter kind must be one of ema, sma, not 'wma'."),
        ({"kind": 3}, "The strategy parameter kind must be a text, not 3."),
        ({"strict": 1}, "The strategy parameter strict must be true or false, not 1."),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Sample(**given)
    assert str(caught.value) == sentence
