from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.config.fleet import FLEET_FILE, FleetConfig, check_allocations, check_fleet, init_fleet, load_fleet
from investbot.domain.errors import ConfigError, UsageError
from tests.unit.config.builders import write

D = Decimal


def fleet(capital: str = "", most: int = 0) -> FleetConfig:
    return FleetConfig.model_validate(
        {"fleet": {"home_id": "h1", "capital": capital}, "limits": {"max_instances": most}}
    )


def test_a_new_home_has_no_cap_and_its_own_id(tmp_path: Path) -> None:
    made = init_fleet(tmp_path)
    assert made.fleet.capital is None
    assert made.fleet.hosts == ()
    assert made.limits.max_instances == 0
    assert made == load_fleet(tmp_path)
    assert (tmp_path / FLEET_FILE).stat().st_mode & 0o777 == 0o600
    assert made.fleet.home_id != init_fleet(tmp_path).fleet.home_id
    assert len(made.fleet.home_id) == 16


def test_the_commented_lines_of_a_new_home_are_valid(tmp_path: Path) -> None:
    init_fleet(tmp_path)
    text = (tmp_path / FLEET_FILE).read_text(encoding="utf-8")
    for key in ("capital =", "hosts =", "[limits]", "max_instances =", "[feed]", "pulls ="):
        assert f"# {key}" in text
        text = text.replace(f"# {key}", key)
    write(tmp_path, FLEET_FILE, text)
    made = load_fleet(tmp_path)
    assert (made.fleet.capital, made.fleet.hosts, made.limits.max_instances) == (D(10_000), ("user@host",), 0)


def test_a_new_home_may_have_a_cap(tmp_path: Path) -> None:
    assert init_fleet(tmp_path, D("1E+4")).fleet.capital == 10_000


def test_tables_can_be_appended_to_the_file_of_a_new_home(tmp_path: Path) -> None:
    init_fleet(tmp_path)
    own = "\n[limits]\nmax_instances = 3\n[feed]\nenabled = false\n[fleet.limits]\nmax_running = 2\n"
    with (tmp_path / FLEET_FILE).open("a", encoding="utf-8") as file:
        file.write(own)
    made = load_fleet(tmp_path)
    assert (made.limits.max_instances, made.feed.enabled, made.fleet.limits.max_running) == (3, False, 2)


@pytest.mark.parametrize("capital", ["0", "-1", "nan", "inf"])
def test_a_cap_that_is_none_leaves_nothing_behind(tmp_path: Path, capital: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        init_fleet(tmp_path, D(capital))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: fleet: this key is missing."),
        ("[fleet]\n", "1: fleet.home_id: this key is missing."),
        ("[fleet]\nhome_id = 'x'\ncapitl = 3\n", "3: fleet.capitl: there is no such key; did you mean capital?"),
        ("[fleet]\nhome_id = 'x'\ncapital = -3\n", "3: fleet.capital: -3 is not a number above 0."),
        ("[fleet]\nhome_id = 'x'\nhosts = 'a'\n", "3: fleet.hosts: write a list"),
        ("[fleet]\nhome_id = 'x'\nhosts = ['-oProxyCommand=x']\n", "3: fleet.hosts: '-oProxyCommand=x' is not a host"),
        ("[fleet]\nhome_id = 'x'\nhosts = [3]\n", "3: fleet.hosts: 3 is not a host"),
        ("[fleet]\nhome_id = 'x'\n[limits]\nmax_instances = -1\n", "4: limits.max_instances: -1 is not a whole number"),
        ("x", "1: this is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, FLEET_FILE, text)
    with pytest.raises(ConfigError) as caught:
        load_fleet(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/{FLEET_FILE}:{said}")
    assert [str(each) for each in check_fleet(tmp_path)] == str(caught.value).splitlines()


def test_what_fits_is_allocated() -> None:
    check_allocations(fleet("1000"), {"a": D(600)}, "b", D(400))
    check_allocations(fleet("1000"), {"a": D(600), "b": D(400)}, "b", D(300))
    check_allocations(fleet(), {"a": D(600)}, "b", D(10**9))


def test_what_does_not_fit_is_refused_with_figures() -> None:
    with pytest.raises(ConfigError) as caught:
        check_allocations(fleet("1000"), {"a": D(600)}, "b", D("400.01"))
    assert str(caught.value).startswith(
        "b cannot have 400.01: the fleet's capital is 1000 and 600 of it is allocated, so 400 is left;"
    )
    assert caught.value.exit_code == 78
    with pytest.raises(ConfigError, match="so 0 is left"):
        check_allocations(fleet("1000"), {"a": D(1600)}, "b", D(1))


def test_no_more_instances_than_the_limit() -> None:
    check_allocations(fleet(most=2), {"a": D(1)}, "b", D(1))
    check_allocations(fleet(most=2), {"a": D(1), "b": D(1)}, "b", D(2))
    with pytest.raises(ConfigError, match=r"There are 2 instances and limits\.max_instances"):
        check_allocations(fleet(most=2), {"a": D(1), "b": D(1)}, "c", D(1))


AMOUNTS = st.decimals(min_value="0.01", max_value=1000, places=2)


@given(AMOUNTS, st.lists(st.tuples(st.sampled_from("abcd"), AMOUNTS), max_size=12))
def test_allocations_never_exceed_the_capital(capital: Decimal, wishes: list[tuple[str, Decimal]]) -> None:
    given_so_far: dict[str, Decimal] = {}
    for name, amount in wishes:
        after = {**given_so_far, name: amount}
        try:
            check_allocations(fleet(str(capital)), given_so_far, name, amount)
        except ConfigError:
            assert sum(after.values()) > capital
        else:
            given_so_far = after
    assert sum(given_so_far.values()) <= capital
