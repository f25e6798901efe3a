from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from investbot.config import loading
from investbot.config.loading import check_profile, load_profile, profile_files, shipped_profiles
from investbot.domain.states import Mode
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.ma_cross import MovingAverageCross

REPOSITORY = Path(__file__).resolve().parents[3]
SHIPPED = profile_files([REPOSITORY / "profiles"])
STRATEGIES = {strategy.name: strategy for strategy in (ConservativeScalp, MovingAverageCross)}


def test_the_promised_profiles_are_there() -> None:
    assert {"conservative", "conservative-scalp", "ma-cross"} < set(SHIPPED)
    assert len([name for name in SHIPPED if name.startswith("demo-")]) == 3


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_profile_is_whole(name: str) -> None:
    path = SHIPPED[name]
    assert check_profile(path) == []
    recipe = load_profile(path, [path.parent], {})
    assert recipe.description
    assert recipe.venue.mode is Mode.PAPER
    assert STRATEGIES[recipe.strategy.name](**recipe.strategy.parameters).warmup > 0
    assert name == "conservative" or "extends = " in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in SHIPPED if name.startswith("demo-")])
def test_demo_profiles_need_no_network(name: str) -> None:
    recipe = load_profile(SHIPPED[name], [SHIPPED[name].parent], {})
    assert recipe.venue.name == "synthetic"
    assert recipe.venue.synthetic.speed > 1


def test_demo_profiles_differ() -> None:
    recipes = [load_profile(path, [path.parent], {}) for name, path in SHIPPED.items() if name.startswith("demo-")]
    assert len({recipe.market.timeframe.text for recipe in recipes}) == 3
    assert len({recipe.risk.position_fraction for recipe in recipes}) == 3
    assert len({recipe.strategy.name for recipe in recipes}) == 2


def test_only_wide_profiles_lift_the_rails() -> None:
    wide = [name for name, path in SHIPPED.items() if load_profile(path, [path.parent], {}).risk.allow_wide]
    assert wide == ["demo-swing"]


def test_a_checkout_and_an_installation_find_their_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shipped_profiles() == REPOSITORY / "profiles"
    monkeypatch.setattr(loading, "_PACKAGE", tmp_path)
    (tmp_path / "shipped").mkdir()
    assert shipped_profiles() == tmp_path / "shipped"


def test_a_wheel_holds_the_profiles(tmp_path: Path) -> None:
    for part in ("pyproject.toml", "LICENSE", "investbot", "profiles"):
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / part)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True, timeout=100)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {Path(name).stem for name in archive.namelist() if name.startswith("investbot/config/shipped/")}
    assert held == set(SHIPPED)
