"""The import contracts hold, and each one catches the imports it is there for."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house.tree import PACKAGE, REPOSITORY, named

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: dict[str, str] = {
    contract["id"]: contract["name"] for contract in PROJECT["tool"]["importlinter"]["contracts"]
}
PURE_ROOMS = ("domain", "analysis", "strategies", "risk", "simulation", "engine")
PURE_LIBRARIES = {
    "domain": frozenset[str](),
    "analysis": frozenset({"numpy", "talib"}),
    "strategies": frozenset({"numpy"}),
    "risk": frozenset({"numpy"}),
    "simulation": frozenset({"numpy"}),
    "engine": frozenset({"numpy"}),
}


class Seed(NamedTuple):
    """One bad import: the contract that must catch it, the room it is put in, what it imports."""

    contract: str
    room: str
    imports: str


SEEDS = (
    Seed("layers", "domain", "investbot.engine"),
    Seed("layers", "analysis", "investbot.strategies"),
    Seed("layers", "strategies", "investbot.simulation"),
    Seed("layers", "risk", "investbot.strategies"),
    Seed("layers", "simulation", "investbot.risk"),
    Seed("layers", "engine", "investbot.ports"),
    Seed("layers", "control", "investbot.config"),
    Seed("layers", "instance", "investbot.adapters"),
    Seed("layers", "supervisor", "investbot.instance"),
    Seed("layers", "tui", "investbot.supervisor"),
    Seed("layers", "research", "investbot.adapters"),
    Seed("layers", "bootstrap", "investbot.cli"),
    *(Seed("pure", room, "asyncio") for room in PURE_ROOMS),
    Seed("pure", "engine", "time"),
    Seed("pure", "engine", "logging"),
    Seed("pure", "simulation", "random"),
    Seed("pure", "strategies", "os"),
    Seed("pure", "analysis", "pathlib"),
    Seed("pure-libraries", "engine", "pydantic"),
    Seed("pure-libraries", "strategies", "pandas"),
    Seed("pure-libraries", "engine", "talib"),
    Seed("ports", "ports", "investbot.engine"),
    Seed("ports", "ports", "pydantic"),
    Seed("adapters", "adapters.venues", "investbot.engine"),
    Seed("adapters", "adapters.storage", "investbot.config"),
    Seed("adapters", "adapters.scheduling", "investbot.control"),
    Seed("adapter-families", "adapters.venues", "investbot.adapters.storage"),
    Seed("risk", "cli", "investbot.risk"),
    Seed("risk", "instance", "investbot.risk"),
    Seed("engine", "tui", "investbot.engine"),
    Seed("engine", "supervisor", "investbot.engine"),
    Seed("opinions", "tui", "investbot.strategies"),
    Seed("opinions", "supervisor", "investbot.analysis"),
    Seed("feed", "feed", "investbot.ports.trading"),
    Seed("feed", "feed", "investbot.ports.ledger"),
    Seed("feed", "feed", "investbot.engine"),
    Seed("layers", "feed", "investbot.adapters"),
    Seed("config", "instance", "investbot.config"),
    Seed("config", "supervisor", "investbot.config"),
    Seed("heavy", "cli", "ccxt"),
    Seed("heavy", "adapters.storage", "ccxt"),
    Seed("heavy", "cli", "textual"),
    Seed("heavy", "instance", "sqlcipher3"),
    Seed("heavy", "instance", "apscheduler"),
    Seed("heavy", "tui", "typer"),
    Seed("heavy", "cli", "click"),
    Seed("heavy", "supervisor", "pydantic"),
)


def linted(folder: Path) -> tuple[int, str]:
    """Run the contracts on the package in a folder; give the exit code and all that was said."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    answer = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=os.environ | {"COLUMNS": "500", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    return answer.returncode, answer.stdout + answer.stderr


def sections(said: str) -> dict[str, str]:
    """Split what was said into the complaints of each broken contract."""
    complaints = said.partition("Broken contracts")[2]
    starts = sorted((complaints.find(f"\n{name}\n---"), key) for key, name in CONTRACTS.items())
    found = [(start, key) for start, key in starts if start >= 0]
    ends = [start for start, _ in found[1:]] + [len(complaints)]
    return {key: complaints[start:end] for (start, key), end in zip(found, ends, strict=True)}


def copied(folder: Path) -> Path:
    """Copy the package and its contracts."""
    shutil.copytree(PACKAGE, folder / "investbot", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Put every bad import into one copy of the package, a module each, and collect the complaints."""
    folder = copied(tmp_path_factory.mktemp("seeded"))
    for number, seed in enumerate(SEEDS):
        target = folder.joinpath("investbot", *seed.room.split("."), f"seed_{number}.py")
        target.write_text(f"import {seed.imports}\n", encoding="utf-8")
    (folder / "investbot/cli/knot_a.py").write_text("import investbot.cli.knot_b\n", encoding="utf-8")
    (folder / "investbot/cli/knot_b.py").write_text("import investbot.cli.knot_a\n", encoding="utf-8")
    code, said = linted(folder)
    assert code == 1
    return sections(said)


@pytest.mark.parametrize(("number", "seed"), list(enumerate(SEEDS)), ids=str)
def test_a_bad_import_is_caught(number: int, seed: Seed, complaints: dict[str, str]) -> None:
    culprit = rf"investbot\.{re.escape(seed.room)}\.seed_{number} -> {re.escape(seed.imports)}\b"
    assert re.search(culprit, complaints[seed.contract])


def test_a_knot_inside_a_room_is_caught(complaints: dict[str, str]) -> None:
    assert ".knot_a" in complaints["no-knots"]


def test_every_contract_is_seen_to_catch_something(complaints: dict[str, str]) -> None:
    assert set(complaints) == set(CONTRACTS)


def test_a_room_nobody_planned_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "investbot/helpers").mkdir()
    (folder / "investbot/helpers/__init__.py").touch()
    code, said = linted(folder)
    assert code == 1
    assert "investbot.helpers" in said


def test_the_package_keeps_every_contract() -> None:
    code, said = linted(REPOSITORY)
    assert (code, "0 broken" in said) == (0, True), said


def strangers(source: str, allowed: frozenset[str]) -> set[str]:
    """Name the libraries a module imports beyond the standard one, this package and those allowed."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"investbot"} - allowed


def test_the_pure_floors_know_no_other_library() -> None:
    assert {
        named(path): found
        for room, allowed in PURE_LIBRARIES.items()
        for path in (PACKAGE / room).rglob("*.py")
        if (found := strangers(path.read_text(encoding="utf-8"), allowed))
    } == {}


def test_a_library_nobody_listed_is_seen() -> None:
    source = "import decimal, numpy.typing\nfrom investbot.domain import order\nfrom scipy.stats import norm\n"
    assert strangers(source, frozenset({"numpy"})) == {"scipy"}
