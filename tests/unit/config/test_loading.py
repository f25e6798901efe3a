from __future__ import annotations

import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.config.loading import check_profile, find_profile, load_profile, profile_files, shipped_profiles
from investbot.domain.errors import ConfigError
from tests.unit.config.builders import complaints, write

D = Decimal
PERCENT = "2 is not a fraction above 0 and at most 1 (0.02 means 2 %)."


def test_environment_over_file_over_parent_over_default(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", "[risk]\nmax_open_positions = 2\nmax_entries_per_hour = 2\nmax_entries_per_day = 2\n")
    child = write(
        tmp_path, "child.toml", 'extends = "base"\n[risk]\nmax_entries_per_hour = 3\nmax_entries_per_day = 3\n'
    )
    environ = {"INVESTBOT__RISK__MAX_ENTRIES_PER_DAY": "4", "INVESTBOT_HOME": "x", "OTHER": "y"}
    risk = load_profile(child, [tmp_path], environ).risk
    assert (risk.max_open_positions, risk.max_entries_per_hour, risk.max_entries_per_day) == (2, 3, 4)
    assert risk.cooldown == 300_000


def test_numbers_are_as_exact_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path, "p.toml", "[risk]\nrisk_fraction = 0.0123456789012345678901\n[costs]\nslippage = 1e-5\n")
    recipe = load_profile(path, [], {"INVESTBOT__COSTS__TAKER_FEE": "0.00070000000000000000001"})
    assert recipe.risk.risk_fraction == D("0.0123456789012345678901")
    assert recipe.costs.slippage == D("0.00001")
    assert recipe.costs.taker_fee == D("0.00070000000000000000001")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("INVESTBOT__RISK__DAILY_LOSS_FRACTION", "0.02", D("0.02")),
        ("INVESTBOT__RISK__ALLOW_WIDE", "true", True),
        ("INVESTBOT__RISK__COOLDOWN", "7m", 420_000),
        ("INVESTBOT__RISK__COOLDOWN", '"7m"', 420_000),
        ("investbot__risk__cooldown", "7m", 300_000),
        ("INVESTBOT__risk__Cooldown", "7m", 420_000),
    ],
)
def test_the_environment_overrides_one_key(tmp_path: Path, name: str, text: str, value: object) -> None:
    path = write(tmp_path, "p.toml", "[risk]\ncooldown = '5m'\n")
    risk = load_profile(path, [], {name: text}).risk
    assert getattr(risk, name.lower().rpartition("__")[2]) == value


def test_the_environment_reaches_lists_and_open_tables(tmp_path: Path) -> None:
    path = write(tmp_path, "p.toml", "[venue.ccxt.options]\ndefaultType = 'swap'\n[strategy.parameters]\nfast = 9\n")
    recipe = load_profile(
        path,
        [],
        {
            "INVESTBOT__MARKET__SYMBOLS": "ETH/USDT,BTC/USDT",
            "INVESTBOT__VENUE__CCXT__OPTIONS__DEFAULTTYPE": "spot",
            "INVESTBOT__VENUE__CCXT__enableRateLimit": "false",
            "INVESTBOT__STRATEGY__PARAMETERS__SLOW": "30",
            "INVESTBOT__EXITS__TARGETS": "[[0.02, 0.5], [0.03, 0.5]]",
        },
    )
    assert recipe.market.symbols == ("ETH/USDT", "BTC/USDT")
    assert recipe.venue.ccxt == {"options": {"defaultType": "spot"}, "enableRateLimit": False}
    assert recipe.strategy.parameters == {"fast": 9, "slow": 30}
    assert recipe.exits.targets == ((D("0.02"), D("0.5")), (D("0.03"), D("0.5")))


def test_a_mistake_in_the_environment_names_its_variable(tmp_path: Path) -> None:
    said = complaints(
        "", tmp_path, INVESTBOT__RISK__DAILY_LOSS="0.02", INVESTBOT__RISK__RISK_FRACTION="2", INVESTBOT__X="1"
    )
    tables = "description, tags, venue, market, strategy, intelligence, risk, exits, costs, restart, notify, logging"
    nearest = "there is no such key; did you mean daily_loss_fraction?"
    assert said == [
        f"INVESTBOT__RISK__DAILY_LOSS: risk.daily_loss: {nearest}",
        f"INVESTBOT__RISK__RISK_FRACTION: risk.risk_fraction: {PERCENT}",
        f"INVESTBOT__X: x: there is no such key; the tables and keys here are {tables}.",
    ]


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    said = complaints(
        """\
description = 5
mod = "live"

[risk]
position_fraction = 2
max_positions = 3
cooldwn = "5m"

[exits]
stop_min = 0.009
stop_max = 0.008
stop_fraction = 0.0085

[market]
symbols = ["BTCUSDT"]
max_age = "4h"
restart = 5

[costs]
latency = [1]
""",
        tmp_path,
    )
    wrong = [int(line.split(":")[1]) for line in said]
    assert wrong == [1, 2, 5, 6, 7, 10, 15, 16, 17, 20]
    text = "\n".join(said)
    assert "risk.cooldwn: there is no such key; did you mean cooldown?" in text
    assert "market.max_age: there is no such key here; did you mean exits.max_age?" in text
    assert "exits.stop_min: 0.009 lies above stop_max, which is 0.008." in text


def test_a_wrong_key_hides_no_rule_between_others(tmp_path: Path) -> None:
    said = complaints("[risk]\nposition_fraction = 0.03\nfoo = 1\n[exits]\nstop_max = 'x'\nstop_min = 0.9\n", tmp_path)
    assert len(said) == 4
    assert [said[0], said[3]] == [
        "p.toml:2: risk.position_fraction: 0.03 is above 0.02; risk.allow_wide = true lifts that.",
        "p.toml:6: exits.stop_min: 0.9 is outside 0.005 to 0.01; risk.allow_wide = true lifts that.",
    ]


def test_a_rule_between_defaults_points_at_the_nearest_table(tmp_path: Path) -> None:
    assert complaints("\n\n[venue]\nname = 'replay'\n", tmp_path)[0].startswith("p.toml:3: venue.replay.file: a replay")


def test_a_value_for_a_table_is_told(tmp_path: Path) -> None:
    assert complaints("risk = 3\n", tmp_path) == ["p.toml:1: risk: this is a table; write it as [risk]."]


def test_a_mistake_of_a_parent_is_told_in_the_parent(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", "# first line\n[risk]\nfoo = 1\nposition_fraction = 0.03\n")
    said = complaints("extends = 'base'\n[risk]\nrisk_fraction = 7\n", tmp_path, [tmp_path])
    assert sorted(line.partition(": ")[0] for line in said) == ["base.toml:3", "base.toml:4", "p.toml:3"]


def test_a_mistake_is_told_where_the_key_was_decided(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", "\n[risk]\nrisk_fraction = 0.01\n")
    assert complaints("[risk]\nrisk_fraction = 2\n", tmp_path) == [f"p.toml:2: risk.risk_fraction: {PERCENT}"]
    said = complaints("extends = 'base'\n[risk]\nrisk_fraction = 2\n", tmp_path, [tmp_path])
    assert said == [f"p.toml:3: risk.risk_fraction: {PERCENT}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", "p.toml:1: this is not TOML: Invalid value."),
        ("[risk]\nx = 1\nx = 2\n", "p.toml:3: this is not TOML: Cannot overwrite a value."),
        ("x = [1,\n", "p.toml:2: this is not TOML: Invalid value."),
        ("x = '''\n\n", "p.toml:3: this is not TOML: Expected \"'''\"."),
        ("x = " + "9" * 5000, "p.toml:1: this is not TOML: a value is out of bounds."),
        ("x = 1.0e" + "9" * 30, "p.toml:1: this is not TOML: a value is out of bounds."),
        ("x = " + "[" * 5000, "p.toml:1: this is not TOML: a value is out of bounds."),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert complaints(text, tmp_path) == [said]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    bad = tmp_path / "p.toml"
    bad.write_bytes(b"x = '\xff'\n")
    assert [str(each) for each in check_profile(bad)] == [f"{bad}:1: this file is not UTF-8 text."]
    gone = tmp_path / "gone.toml"
    assert [str(each) for each in check_profile(gone)] == [
        f"{gone}: this file cannot be read: No such file or directory."
    ]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(b"\xef\xbb\xbfdescription = 'x'\r\n")
    assert load_profile(path, [], {}).description == "x"


def test_another_strategy_does_not_inherit_parameters(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", "[strategy]\nname = 'one'\n[strategy.parameters]\na = 1\n")
    same = write(tmp_path, "same.toml", "extends = 'base'\n[strategy.parameters]\nb = 2\n")
    other = write(tmp_path, "other.toml", "extends = 'base'\n[strategy]\nname = 'two'\nparameters = { c = 3 }\n")
    assert load_profile(same, [tmp_path], {}).strategy.parameters == {"a": 1, "b": 2}
    assert load_profile(other, [tmp_path], {}).strategy.parameters == {"c": 3}


def test_files_of_a_replay_are_seen_from_their_own_profile(tmp_path: Path) -> None:
    base = "[venue]\nname = 'replay'\n[venue.replay]\nfile = 'a/c.csv'\n"
    write(tmp_path / "base", "base.toml", base)
    child = write(tmp_path / "child", "p.toml", "extends = '../base/base.toml'\n")
    assert load_profile(child, [], {}).venue.replay.file == str(tmp_path / "child" / ".." / "base" / "a" / "c.csv")
    several = write(
        tmp_path / "child",
        "several.toml",
        "extends = '../base/base.toml'\n[market]\nsymbols = ['A/C', 'B/C']\n"
        "[venue.replay.files]\n'A/C' = 'x.csv'\n'B/C' = '/y.csv'\n",
    )
    replay = load_profile(several, [], {}).venue.replay
    assert replay.file is None
    assert replay.files == {"A/C": str(tmp_path / "child" / "x.csv"), "B/C": "/y.csv"}
    named = load_profile(several, [], {"INVESTBOT__MARKET__SYMBOLS": "A/C", "INVESTBOT__VENUE__REPLAY__FILE": "z.csv"})
    assert (named.venue.replay.file, named.venue.replay.files) == (str(tmp_path / "child" / "z.csv"), {})


def test_the_file_of_a_strategy_is_seen_from_its_own_profile(tmp_path: Path) -> None:
    def strategy(name: str, **environ: str) -> str:
        path = write(tmp_path, "p.toml", f"[strategy]\nname = '{name}'\n")
        return load_profile(path, [], environ).strategy.name

    assert strategy("mine.py") == f"{tmp_path}/mine.py"
    assert strategy("sub/mine.py:Cls") == f"{tmp_path}/sub/mine.py:Cls"
    assert strategy("/else/mine.py") == "/else/mine.py"
    assert strategy("ma_cross") == "ma_cross"
    assert strategy("package.py_module:Cls") == "package.py_module:Cls"
    assert strategy("x", INVESTBOT__STRATEGY__NAME="mine.py") == f"{tmp_path}/mine.py"


def test_files_of_the_wrong_kind_are_told_and_not_made_absolute(tmp_path: Path) -> None:
    said = complaints("[venue.replay]\nfile = 3\nfiles = { 'A/B' = 4 }\n", tmp_path)
    assert [line.partition(" ")[0] for line in said] == ["p.toml:2:", "p.toml:3:"]
    assert complaints("venue = 3\n", tmp_path) == ["p.toml:1: venue: this is a table; write it as [venue]."]


def test_a_parent_is_found_by_name_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    write(tmp_path / "home", "base.toml", "description = 'home'\n")
    write(tmp_path / "shipped", "base.toml", "description = 'shipped'\n")
    write(tmp_path / "shipped", "other.toml", "description = 'other'\n")
    child = write(tmp_path, "p.toml", "extends = 'base'\n")
    search = [tmp_path / "home", tmp_path / "shipped"]
    assert load_profile(child, search, {}).description == "home"
    assert list(profile_files(search)) == ["base", "other"]
    assert profile_files(search)["base"] == tmp_path / "home" / "base.toml"


def test_a_profile_may_extend_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    own = write(tmp_path / "home", "base.toml", "extends = 'base'\n[risk]\nmax_open_positions = 3\n")
    write(tmp_path / "shipped", "base.toml", "description = 'shipped'\n")
    recipe = load_profile(own, [tmp_path / "home", tmp_path / "shipped"], {})
    assert (recipe.description, recipe.risk.max_open_positions) == ("shipped", 3)


@pytest.mark.parametrize("wanted", ["'b'", "'./b.toml'", "'p.toml'", "'./sub/../p.toml'"])
def test_a_circle_of_parents_is_refused(tmp_path: Path, wanted: str) -> None:
    write(tmp_path, "b.toml", "extends = 'p'\n")
    (tmp_path / "sub").mkdir()
    said = complaints(f"\nextends = {wanted}\n", tmp_path, [tmp_path])
    assert len(said) == 1
    assert "leads back to this profile" in said[0]


@pytest.mark.parametrize("wanted", ["'nobody'", "'./nobody.toml'", "3", "['a']"])
def test_a_parent_that_is_not_there_is_told(tmp_path: Path, wanted: str) -> None:
    assert complaints(f"\nextends = {wanted}\n", tmp_path)[0].startswith("p.toml:2: extends: there is no profile")


def test_a_mistake_in_a_parents_syntax_is_told_in_the_parent(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", "x")
    assert complaints("extends = 'base'\n", tmp_path, [tmp_path])[0].startswith("base.toml:1: this is not TOML")


def test_a_profile_is_found_by_name_or_path(tmp_path: Path) -> None:
    path = write(tmp_path, "own.toml", "")
    assert find_profile("own", [tmp_path]) == path
    assert find_profile(str(path), []) == path
    for name in ("nobody", str(tmp_path / "gone.toml"), "../own"):
        with pytest.raises(ConfigError, match="investbot profiles list"):
            find_profile(name, [tmp_path])


def test_checking_looks_beside_the_profile_and_among_the_shipped(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", "extends = 'conservative'\n")
    path = write(tmp_path, "p.toml", "extends = 'base'\n")
    assert check_profile(path) == []
    assert len(check_profile(path, environ={"INVESTBOT__FOO": "1"})) == 1


def test_loading_takes_less_than_a_tenth_of_a_second() -> None:
    path = shipped_profiles() / "conservative-scalp.toml"
    load_profile(path, [shipped_profiles()], {})
    start = time.perf_counter()
    for _ in range(5):
        load_profile(path, [shipped_profiles()], dict(os.environ))
    assert (time.perf_counter() - start) / 5 < 0.1


def test_the_room_is_light() -> None:
    heavy = "{'numpy', 'talib', 'ccxt', 'textual', 'rich', 'sqlcipher3', 'cryptography', 'asyncio'}"
    rooms = "investbot.config.loading, investbot.config.versions, investbot.config.fleet"
    code = f"import sys, {rooms}\nprint({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


def test_parameters_by_regime_are_merged_like_others_and_left_with_the_strategy(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", "[strategy]\nname = 'one'\n[strategy.regimes.trend]\nfast = 9\nshare = 0.25\n")
    same = write(tmp_path, "same.toml", "extends = 'base'\n[strategy.regimes.trend]\nslow = 30\n")
    assert load_profile(same, [tmp_path], {}).strategy.regimes == {"trend": {"fast": 9, "share": 0.25, "slow": 30}}
    other = write(tmp_path, "other.toml", "extends = 'base'\n[strategy]\nname = 'two'\n")
    assert load_profile(other, [tmp_path], {}).strategy.regimes == {}


@pytest.mark.parametrize("wrong", ["[strategy]\nregimes = 3\n", "[strategy.regimes]\ntrend = 3\n"])
def test_regimes_hold_tables(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError, match="regimes"):
        load_profile(write(tmp_path, "p.toml", wrong), [], {})
