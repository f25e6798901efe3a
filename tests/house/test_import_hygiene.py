"""What a fresh process has loaded after one import: the command line and the engine stay light."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

HEAVY = frozenset(
    {"ccxt", "textual", "sqlcipher3", "pandas", "polars", "numba", "pyarrow", "apscheduler", "solana", "optuna"}
)
ENTRANCES: dict[str, frozenset[str]] = {
    "investbot": HEAVY | {"numpy", "talib", "pydantic", "typer", "rich", "httpx", "asyncio"},
    "investbot.cli.main": HEAVY | {"numpy", "talib", "httpx", "aiohttp"},
    "investbot.engine.engine": HEAVY | {"pydantic", "typer", "rich", "httpx", "aiohttp", "asyncio", "cryptography"},
    "investbot.control.client": HEAVY | {"numpy", "talib", "typer", "rich", "httpx", "aiohttp"},
}
STANDING = [name for name in ENTRANCES if importlib.util.find_spec(name)]


def loaded_after(statement: str) -> set[str]:
    """Name the top-level modules a fresh interpreter holds after one statement."""
    asked = (
        f"{statement}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True)
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("entrance", STANDING)
def test_an_entrance_leaves_heavy_libraries_alone(entrance: str) -> None:
    assert loaded_after(f"import {entrance}") & ENTRANCES[entrance] == set()


def test_a_heavy_import_would_be_noticed() -> None:
    assert "textual" in loaded_after("import investbot, textual")
