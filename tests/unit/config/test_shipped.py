from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from investbot.config import loading
from investbot.config.loading import check_profile, load_profile, profile_files, shipped_profiles
from investbot.domain.states import Mode

REPOSITORY = Path(__file__).resolve().parents[3]
SHIPPED = profile_files([REPOSITORY / "profiles"])
STRATEGIES = {entry.name: entry.load() for entry in entry_points(group="investbot.strategies")}


def test_the_promised_profiles_are_there() -> None:
    assert {"conservative", "conservative-scalp", "ma-cross"} < set(SHIPPED)
    assert len([name for name in SHIPPED if name.startswith("demo-")]) == 3


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_has_a_profile_and_a_cautious_one(strategy: str) -> None:
    usual, cautious = strategy.replace("_", "-"), f"{strategy.replace('_', '-')}-cautious"
    here, there = (load_profile(SHIPPED[name], [SHIPPED[name].parent], {}) for name in (usual, cautious))
    assert here.strategy.name == there.strategy.name == strategy
    assert there.risk.position_fraction * 2 <= here.risk.position_fraction
    assert there.risk.daily_loss_fraction < here.risk.daily_loss_fraction


def test_development_and_production_have_limits_of_their_own() -> None:
    dev, prod = (load_profile(SHIPPED[name], [SHIPPED[name].parent], {}).risk for name in ("dev", "prod"))
    assert (dev.risk_fraction, dev.daily_loss_fraction) == (Decimal("0.02"), Decimal("0.05"))
    assert (prod.risk_fraction, prod.daily_loss_fraction) == (Decimal("0.01"), Decimal("0.03"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_profile_is_whole(name: str) -> None:
    path = SHIPPED[name]
    assert check_profile(path) == []
    recipe = load_profile(path, [path.parent], {})
    assert recipe.description
    assert recipe.venue.mode is Mode.PAPER
    assert STRATEGIES[recipe.strategy.name](**recipe.strategy.parameters).warmup >= 0
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
