"""Strategies from entry points, modules and files, and their parameters."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.bootstrap import plugins
from investbot.bootstrap.plugins import load_strategy, make_strategy, parameters, strategy_names
from investbot.domain.errors import ConfigError
from investbot.strategies.ma_cross import MovingAverageCross

OWN = """
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from investbot.strategies.api import parameter


@dataclass(frozen=True, slots=True)
class Patient:
    name: ClassVar[str] = "patient"
    description: ClassVar[str] = "Waits."
    bars: int = parameter(3, "bars to wait", least=1, most=10)
    share: float = parameter(0.5, "of something")
    loud: bool = parameter(False, "says so")
    mood: str = parameter("calm", "how", choices=("calm", "wild"))

    def __post_init__(self) -> None:
        if self.bars == 7:
            raise ValueError("seven is unlucky")

    @property
    def warmup(self) -> int:
        return self.bars

    def indicators(self) -> Mapping[str, Any]:
        return {}

    def confirm_indicators(self) -> Mapping[str, Any]:
        return {}

    def evaluate(self, view: Any) -> None:
        return None
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "patient.py"
    path.write_text(OWN)
    return path


def test_the_shipped_strategies_are_registered() -> None:
    assert {"conservative_scalp", "ma_cross"} <= set(strategy_names())
    assert strategy_names() == sorted(strategy_names())


@pytest.mark.parametrize("named", ["ma_cross", "investbot.strategies.ma_cross:MovingAverageCross"])
def test_a_strategy_is_loaded_by_name_or_by_class(named: str) -> None:
    assert load_strategy(named) is MovingAverageCross
    assert make_strategy(named, {"fast": 3, "slow": 7}) == MovingAverageCross(3, 7)


@pytest.mark.parametrize("named", ["patient.py", "patient.py:Patient"])
def test_a_strategy_is_loaded_from_a_file_beside_the_profile(own: Path, named: str) -> None:
    made: Any = make_strategy(named, {"bars": 5, "share": Decimal("0.25"), "mood": "wild"}, own.parent)
    assert (made.bars, made.share, made.loud, made.mood) == (5, 0.25, False, "wild")
    assert load_strategy(str(own)) is load_strategy(named, own.parent)


def test_a_whole_number_will_do_for_a_float(own: Path) -> None:
    made: Any = make_strategy(str(own), {"share": 1})
    assert made.share == 1.0
    assert isinstance(made.share, float)


def test_parameters_are_read_from_the_declaration(own: Path) -> None:
    first, second, third, fourth = parameters(load_strategy(str(own)))
    assert (first.name, first.kind, first.default, first.help, first.least, first.most, first.choices) == (
        "bars",
        "int",
        3,
        "bars to wait",
        1,
        10,
        (),
    )
    assert (second.kind, second.least, third.kind, fourth.choices) == ("float", None, "bool", ("calm", "wild"))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"bar": 1}, "has no parameter bar; did you mean bars?"),
        ({"xyzzy": 1}, "has no parameter xyzzy; it has bars, share, loud, mood."),
        ({"bars": 11}, "The strategy parameter bars must lie within 1 and 10, not 11."),
        ({"bars": True}, "The strategy parameter bars must be a whole number, not True."),
        ({"bars": Decimal("1.5")}, "The strategy parameter bars must be a whole number"),
        ({"share": True}, "The strategy parameter share must be a number, not True."),
        ({"share": "half"}, "The strategy parameter share must be a number, not 'half'."),
        ({"mood": "sad"}, "The strategy parameter mood must be one of calm, wild, not 'sad'."),
        ({"bars": 7}, "refuses its parameters: seven is unlucky."),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_sentence(own: Path, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_strategy(str(own), given)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("ma_cros", "There is no strategy 'ma_cros'; did you mean ma_cross?"),
        ("xyzzy", "There is no strategy 'xyzzy'; `investbot strategies list` shows"),
        ("no.such.module:Class", "cannot be loaded: ModuleNotFoundError"),
        ("investbot.strategies.ma_cross:Missing", "cannot be loaded: AttributeError"),
        ("investbot.domain.errors:ConfigError", "it must be a frozen dataclass"),
        ("investbot.domain.market:Instrument", "it has no name, description, warmup"),
        ("nowhere.py", "There is no strategy file"),
    ],
)
def test_what_is_no_strategy_is_refused_in_one_sentence(named: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_strategy(named, tmp_path)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def (", "cannot be loaded: SyntaxError"),
        ("import nothing_like_this", "cannot be loaded: ModuleNotFoundError"),
        ("x = 1", "must hold one strategy or name one as FILE.py:Class; it holds none."),
        (OWN.replace("bars: int = parameter(3", "days: tuple[int, ...] = ()\n    bars: int = parameter(3"), "days of"),
        (OWN.replace("frozen=True, ", ""), "it must be a frozen dataclass"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence(tmp_path: Path, source: str, sentence: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(ConfigError) as caught:
        load_strategy(str(path))
    assert sentence in str(caught.value)


def test_a_file_that_is_mended_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "mended.py"
    path.write_text("raise ValueError('early')")
    with pytest.raises(ConfigError, match="cannot be loaded: ValueError: early"):
        load_strategy(str(path))
    path.write_text(OWN)
    assert load_strategy(str(path)).name == "patient"


def test_an_error_without_words_is_told_too() -> None:
    assert plugins._first_line(ValueError()) == "no reason given"


def test_parameters_by_regime_replace_some_of_the_others() -> None:
    made: Any = make_strategy("ma_cross", {"fast": 3, "slow": 7}, regimes={"trend": {"slow": 30}})
    assert made.name == "ma_cross"
    assert [variant for _, variant in made.variants] == [MovingAverageCross(3, 7), MovingAverageCross(3, 30)]
    assert make_strategy("ma_cross", {}, regimes={}) == MovingAverageCross()


def test_parameters_of_a_regime_are_checked_like_all_others() -> None:
    with pytest.raises(ConfigError, match="did you mean slow"):
        make_strategy("ma_cross", {}, regimes={"trend": {"slwo": 30}})
    with pytest.raises(ConfigError, match="no market regime 'calm'"):
        make_strategy("ma_cross", {}, regimes={"calm": {"slow": 30}})
