from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from investbot.config.fields import write_duration
from investbot.config.instance import (
    INSTANCE_FILE,
    InstanceConfig,
    check_instance,
    dumps,
    load_instance,
    loads,
    new_instance,
    set_values,
    with_capital,
    with_recipe,
    with_version,
)
from investbot.domain.errors import ConfigError, UsageError
from tests.unit.config.builders import NOON, instance, profile, write

D = Decimal


def test_an_instance_is_a_profile_with_a_name_and_capital() -> None:
    alpha = new_instance("alpha", profile(description="x"), "conservative", D("500.10"), NOON)
    assert (alpha.name, alpha.capital, alpha.version) == ("alpha", D("500.10"), 1)
    assert (alpha.instance.profile, alpha.instance.created_at) == ("conservative", NOON)
    assert alpha.description == "x"
    assert alpha.risk_rules() == profile().risk_rules()


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "a" * 32])
def test_names_that_are_taken(name: str) -> None:
    assert instance(name).name == name


@pytest.mark.parametrize("name", ["", "A", "-a", "_a", "a" * 33, "a b", "../x", "a/b", "ä", "a\n", "a."])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a name"):
        instance(name)


@pytest.mark.parametrize("capital", ["0", "-5", "nan", "inf", "1e40"])
def test_capital_has_to_be_there(capital: str) -> None:
    with pytest.raises(UsageError, match="capital: "):
        instance(capital=capital)
    with pytest.raises(UsageError, match="capital: "):
        with_capital(instance(), D(capital))


def test_a_change_of_one_part_keeps_the_rest() -> None:
    alpha = instance(description="x")
    assert with_capital(alpha, D(7)).capital == 7
    assert with_version(alpha, 9).version == 9
    other = with_recipe(alpha, profile(description="y"))
    assert (other.description, other.instance) == ("y", alpha.instance)
    assert with_recipe(alpha, instance("beta", description="y")) == other


def test_the_file_reads_well() -> None:
    text = dumps(instance(description="d", market={"timeframe": "5m"}))
    assert text.startswith(
        'description = "d"\ntags = []\n\n[instance]\nname = "alpha"\nprofile = "conservative"\ncapital = 500\n'
        'created_at = "2026-01-02T12:00:00Z"\nversion = 1\n\n[venue]\nname = "binance"\nmode = "paper"\n'
    )
    assert 'cooldown = "5m"' in text
    assert "confirm_timeframe" not in text


def test_a_file_on_disk(tmp_path: Path) -> None:
    text = dumps(instance(venue={"name": "replay", "replay": {"file": "c.csv"}}))
    write(tmp_path, INSTANCE_FILE, text)
    assert load_instance(tmp_path).venue.replay.file == str(tmp_path / "c.csv")
    assert check_instance(tmp_path) == []
    assert loads(text).venue.replay.file == "c.csv"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "alpha"', 'name = "ALPHA"', "5: instance.name: 'ALPHA' is not a name"),
        ("capital = 500", "capital = -500", "7: instance.capital: -500 is not a number above 0."),
        ("capital = 500", "capitl = 500", "7: instance.capitl: there is no such key; did you mean capital?"),
        ("[instance]", "[instnce]", "4: instnce: there is no such key; did you mean instance?"),
        ("[venue]", "[venue", "11: this is not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    write(tmp_path, INSTANCE_FILE, dumps(instance()).replace(before, after, 1))
    with pytest.raises(ConfigError) as caught:
        load_instance(tmp_path)
    assert f"{tmp_path}/{INSTANCE_FILE}:{said}" in str(caught.value)
    assert [str(each) for each in check_instance(tmp_path)] == str(caught.value).splitlines()


def test_values_are_set() -> None:
    changed = set_values(
        instance(),
        [
            "risk.max_open_positions=2",
            "market.symbols=ETH/USDT,SOL/USDT",
            "market.confirm_timeframe = 15m",
            "description=a=b",
        ],
    )
    assert changed.risk.max_open_positions == 2
    assert changed.market.symbols == ("ETH/USDT", "SOL/USDT")
    assert str(changed.market.confirm_timeframe) == "15m"
    assert changed.description == "a=b"
    assert changed.instance == instance().instance
    assert set_values(changed, ["market.confirm_timeframe="]).market.confirm_timeframe is None
    assert set_values(instance(), []) == instance()


def test_files_that_are_set_are_seen_from_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ["venue.name=replay", "venue.replay.file=c.csv"]
    assert set_values(instance(), settings, tmp_path).venue.replay.file == str(tmp_path / "c.csv")
    monkeypatch.chdir(tmp_path)
    assert set_values(instance(), settings).venue.replay.file == str(tmp_path / "c.csv")


def test_another_strategy_forgets_the_parameters() -> None:
    old = instance(strategy={"name": "one", "parameters": {"a": 1}})
    assert set_values(old, ["strategy.name=two", "strategy.parameters.b=2"]).strategy.parameters == {"b": 2}
    assert set_values(old, ["strategy.parameters.b=2"]).strategy.parameters == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["risk", "=1", ".x=1", "risk.=1", ""])
def test_a_text_that_sets_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="sets nothing"):
        set_values(instance(), [text])


@pytest.mark.parametrize("text", ["instance.capital=5", "instance.name=x", "capital=5", "instance=1"])
def test_whose_it_is_is_not_set_this_way(text: str) -> None:
    with pytest.raises(ConfigError, match="investbot capital NAME AMOUNT"):
        set_values(instance(), [text])


def test_every_mistake_of_what_is_set_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        set_values(instance(), ["risk.max_open=1", "risk.position_fraction=0.5", "exits.stop_fraction=x"])
    assert str(caught.value).splitlines() == [
        "risk.max_open: there is no such key; did you mean max_open_positions?",
        "exits.stop_fraction: 'x' is not a number.",
        "risk.position_fraction: 0.5 is above 0.02; risk.allow_wide = true lifts that.",
    ]


def test_keys_that_follow_others_go_on_following() -> None:
    wide = set_values(instance(), ["risk.allow_wide=true", "exits.stop_fraction=0.02"])
    assert wide.exits.stop_max == D("0.02")
    slow = set_values(instance(), ["costs.slippage=0.004"])
    assert slow.risk.entry_band == D("0.008")
    assert set_values(slow, ["costs.slippage=0.0005"]).risk.entry_band == D("0.002")
    assert set_values(slow, ["risk.entry_band=0.001"]).risk.entry_band == D("0.001")


def test_keys_that_were_set_stay() -> None:
    banded = instance(risk={"entry_band": "0.001"}, exits={"stop_max": "0.008", "stop_fraction": "0.008"})
    assert set_values(banded, ["costs.slippage=0.004"]).risk.entry_band == D("0.001")
    with pytest.raises(ConfigError, match=r"set exits\.stop_max as well"):
        set_values(banded, ["risk.allow_wide=true", "exits.stop_fraction=0.02"])
    wide = set_values(instance(), ["risk.allow_wide=true", "exits.stop_fraction=0.02"])
    with pytest.raises(ConfigError, match="outside"):
        set_values(wide, ["risk.allow_wide=false"])


FRACTIONS = st.decimals(min_value="0.000001", max_value=1, allow_nan=False, places=6)
DURATIONS = st.integers(min_value=1, max_value=10**10).map(write_duration)
WORDS = st.text(max_size=20)
PLAIN = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def ladders(draw: st.DrawFn) -> list[list[Decimal]]:
    distances = sorted(draw(st.sets(FRACTIONS, min_size=1, max_size=4)))
    parts = [D(1) / len(distances)] * (len(distances) - 1)
    return [[distance, part] for distance, part in zip(distances, [*parts, 1 - sum(parts, D(0))], strict=True)]


SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "description": WORDS,
        "venue": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["binance", "kraken", "my_venue"]),
                "mode": st.sampled_from(["paper", "sandbox", "live"]),
                "ccxt": st.dictionaries(WORDS, PLAIN, max_size=4),
                "replay": st.fixed_dictionaries(
                    {}, optional={"file": WORDS, "speed": st.floats(0.001, 1e6), "close_at_end": st.booleans()}
                ),
                "synthetic": st.fixed_dictionaries(
                    {},
                    optional={
                        "seed": st.integers(0, 2**63),
                        "start": st.integers(0, 4_000_000_000_000),
                        "price": FRACTIONS,
                    },
                ),
                "instrument": st.fixed_dictionaries({}, optional={"tick": FRACTIONS, "min_notional": FRACTIONS}),
            },
        ),
        "market": st.fixed_dictionaries({}, optional={"timeframe": st.just("5m"), "confirm_timeframe": st.just("1h")}),
        "strategy": st.fixed_dictionaries({}, optional={"parameters": st.dictionaries(WORDS, PLAIN, max_size=4)}),
        "risk": st.fixed_dictionaries(
            {"allow_wide": st.just(value=True)},
            optional={"position_fraction": FRACTIONS, "cooldown": DURATIONS, "max_open_positions": st.integers(1, 99)},
        ),
        "exits": st.fixed_dictionaries({}, optional={"stop_atr": FRACTIONS, "max_age": DURATIONS}),
        "costs": st.fixed_dictionaries({}, optional={"latency": DURATIONS, "bar_share": FRACTIONS}),
        "notify": st.fixed_dictionaries({}, optional={"discord": st.sampled_from(["", "trades", "daily, trades"])}),
    },
)


@given(SECTIONS, ladders(), FRACTIONS)
def test_what_is_written_is_read_again(sections: dict[str, Any], ladder: list[list[Decimal]], capital: Decimal) -> None:
    if "risk" in sections:
        sections = {**sections, "exits": {**sections.get("exits", {}), "targets": ladder}}
    try:
        recipe = profile(**sections)
    except ValidationError as error:
        assert "is a secret" in str(error)  # noqa: PT017  the one thing a generated table may hold that no file may
        return
    config = new_instance("alpha", recipe, "p", capital, NOON)
    again = loads(dumps(config))
    assert again == config
    assert dumps(again) == dumps(config)
    assert set_values(config, []) == config
    assert isinstance(again, InstanceConfig)
