"""The coverage gates refuse what they are there to refuse."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.house.tree import REPOSITORY


@pytest.fixture(scope="module")
def gate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_gate", REPOSITORY / "scripts" / "coverage_gate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entry(lines: int, branches: int, *, missing_lines: int = 0, missing_branches: int = 0) -> dict[str, Any]:
    return {
        "summary": {
            "num_statements": lines,
            "covered_lines": lines - missing_lines,
            "num_branches": branches,
            "covered_branches": branches - missing_branches,
        },
        "missing_lines": list(range(missing_lines)),
        "missing_branches": [[number, number + 1] for number in range(missing_branches)],
    }


def test_a_room_belongs_to_its_folder(gate: ModuleType) -> None:
    assert gate.room_of("investbot/risk/limits/cooldown.py") == "risk"
    assert gate.room_of("investbot/__init__.py") == "investbot"


def test_everything_covered_passes(gate: ModuleType) -> None:
    files = {
        "investbot/risk/gate.py": entry(50, 10),
        "investbot/cli/main.py": entry(10, 0),
        "investbot/x.py": entry(0, 0),
    }
    assert gate.refusals({"files": files}) == []


@pytest.mark.parametrize("missing", [{"missing_lines": 1}, {"missing_branches": 1}])
def test_one_hole_on_a_pure_floor_is_refused(gate: ModuleType, missing: dict[str, int]) -> None:
    (said,) = gate.refusals({"files": {"investbot/risk/gate.py": entry(5000, 1000, **missing)}})
    assert said.startswith("investbot/risk/gate.py is on a pure floor")


@pytest.mark.parametrize(("missing", "refused"), [(10, 0), (11, 1)])
def test_another_room_needs_nine_tenths_over_all_its_files(gate: ModuleType, missing: int, refused: int) -> None:
    files = {"investbot/cli/a.py": entry(40, 10), "investbot/cli/b.py": entry(40, 10, missing_lines=missing)}
    assert len(gate.refusals({"files": files})) == refused


def test_a_report_with_a_hole_ends_with_exit_code_1(
    gate: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "coverage.json"
    report.write_text('{"files": {"investbot/cli/a.py": ' + str(entry(10, 0, missing_lines=5)).replace("'", '"') + "}}")
    assert gate.main([str(report)]) == 1
    assert capsys.readouterr().err == "Room cli is covered 50.0%, the gate is 90%.\n"
