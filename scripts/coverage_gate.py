"""Holds branch coverage at its gates: everything on the pure floors, nine tenths in every other room."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

PURE = frozenset({"domain", "analysis", "strategies", "risk", "simulation", "engine"})
PURE_GATE = 1.0
OTHER_GATE = 0.9


def room_of(file: str) -> str:
    """Name the room a measured file belongs to; modules beside the rooms count as `investbot`."""
    parts = Path(file).parts
    inside = parts[parts.index("investbot") + 1 :]
    return inside[0] if len(inside) > 1 else "investbot"


def refusals(report: dict[str, Any]) -> list[str]:
    """List every gate that the report of `coverage json` does not pass; fractions are of lines plus branches."""
    covered: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    said: list[str] = []
    for file, entry in sorted(report["files"].items()):
        room, summary = room_of(file), entry["summary"]
        covered[room] += summary["covered_lines"] + summary["covered_branches"]
        total[room] += summary["num_statements"] + summary["num_branches"]
        if room in PURE and (entry["missing_lines"] or entry["missing_branches"]):
            branches = ", ".join(f"{start}->{end}" for start, end in entry["missing_branches"]) or "none"
            lines = ", ".join(map(str, entry["missing_lines"])) or "none"
            said.append(f"{file} is on a pure floor and is not covered whole: lines {lines}; branches {branches}.")
    for room in sorted(total):
        share = covered[room] / total[room] if total[room] else 1.0
        gate = PURE_GATE if room in PURE else OTHER_GATE
        if share < gate and room not in PURE:
            said.append(f"Room {room} is covered {share:.1%}, the gate is {gate:.0%}.")
        print(f"{room:12} {share:7.1%} of {total[room]:5} lines and branches (gate {gate:.0%})")
    return said


def main(argv: list[str]) -> int:
    """Read the report named first; return 0 when every gate is passed, 1 otherwise."""
    said = refusals(json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    for sentence in said:
        print(sentence, file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
