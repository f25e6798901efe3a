"""What the guide for writers of strategies promises: a package of one's own is checked, tested and run, by its text."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.integration.cli import Shell
from tests.integration.instance_homes import write_candles

pytestmark = pytest.mark.slow

GUIDE = (REPOSITORY / "docs/writing-a-strategy.md").read_text(encoding="utf-8")


def block(kind: str, holding: str) -> str:
    """The first block of code of a kind that holds a text."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    return str(next(text for of, text in blocks if of == kind and holding in text))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages in which the guide's own is installed."""
    site = tmp_path / "site"
    (site / "my_package").mkdir(parents=True)
    (site / "my_package/__init__.py").write_text("", encoding="utf-8")
    (site / "my_package/rebound.py").write_text(block("python", "class Rebound"), encoding="utf-8")
    announced = block("toml", "entry-points").replace(
        '[project.entry-points."investbot.strategies"]', "[investbot.strategies]"
    )
    told = site / "my_package-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n", encoding="utf-8")
    (told / "entry_points.txt").write_text(announced.replace('"', ""), encoding="utf-8")
    return site


@pytest.mark.timeout(300)
def test_every_step_of_the_guide_works_in_its_order(tmp_path: Path, site: Path) -> None:
    shell = Shell(tmp_path)
    write_candles(tmp_path / "candles.csv", 3000)
    (tmp_path / "rebound.toml").write_text(block("toml", "venue.replay"), encoding="utf-8")
    paths = {"PYTHONPATH": os.pathsep.join([str(site), *sys.path])}
    steps = [line for line in block("", "investbot run mine").splitlines() if line]
    assert [shlex.split(line)[1] for line in steps] == ["init", "strategies", "backtest", "create", "run", "trips"]
    said = {}
    for line in steps:
        words = shlex.split(line)[1:]
        result = shell(*words, more=paths)
        assert result.code == 0, (line, result)
        said[words[0]] = result.out
    assert "rebound" in said["trips"]
    (sums,) = shell("trips", "mine", "--by", "setup", "--json", more=paths).json
    assert sums["setup"] == "rebound"
    assert sums["trips"] > 3
