from __future__ import annotations

from pathlib import Path

import pytest

from investbot.config.fleet import find_home
from investbot.config.home import FLEET_FILE

PLATFORM = Path("/platform")


def test_the_option_comes_first(tmp_path: Path) -> None:
    (tmp_path / FLEET_FILE).touch()
    assert find_home(Path("/x"), {"INVESTBOT_HOME": "/y"}, tmp_path, PLATFORM) == Path("/x")
    assert find_home(Path("x"), {}, tmp_path, PLATFORM) == tmp_path / "x"


def test_then_the_environment(tmp_path: Path) -> None:
    (tmp_path / FLEET_FILE).touch()
    assert find_home(None, {"INVESTBOT_HOME": "/y"}, tmp_path, PLATFORM) == Path("/y")
    assert find_home(None, {"INVESTBOT_HOME": "y"}, tmp_path, PLATFORM) == tmp_path / "y"


@pytest.mark.parametrize("below", ["", "a", "a/b/c"])
def test_then_the_nearest_folder_upwards(tmp_path: Path, below: str) -> None:
    (tmp_path / FLEET_FILE).touch()
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    assert find_home(None, {"INVESTBOT_HOME": ""}, tmp_path / below, PLATFORM) == tmp_path


def test_the_nearest_of_two_homes_wins(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / FLEET_FILE).touch()
    (inner / FLEET_FILE).touch()
    assert find_home(None, {}, inner, PLATFORM) == inner


def test_a_folder_of_that_name_makes_no_home(tmp_path: Path) -> None:
    (tmp_path / FLEET_FILE).mkdir()
    assert find_home(None, {}, tmp_path, PLATFORM) == PLATFORM
