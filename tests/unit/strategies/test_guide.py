"""The strategy printed in the guide is a whole one: it loads, passes every check and has opinions."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from investbot.research.lookahead import check_strategy
from tests.unit.analysis.builders import walk

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "writing-a-strategy.md"


def test_the_example_of_the_guide_passes_the_checks(tmp_path: Path) -> None:
    block = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert block is not None
    file = tmp_path / "rebound.py"
    file.write_text(block[1])
    spec = importlib.util.spec_from_file_location("guide_rebound", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        report = check_strategy(module.Rebound(slow=50), walk(3000), budget_us=10_000.0)
    finally:
        del sys.modules[spec.name]
    assert report.passed, report.findings
    assert report.longs > 0
