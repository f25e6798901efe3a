"""scripts/bench [NAME…] [--json FILE]: measure, print, and write the figures for other programs."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts.benches import analysis, backups, engine, faces, feed, fleet, isolation, latency, ledger, markets, prefix

BENCHES = {
    "engine": engine.measure,
    "ledger": ledger.measure,
    "faces": faces.measure,
    "isolation": isolation.measure,
    "analysis": analysis.measure,
    "prefix": prefix.measure,
    "latency": latency.measure,
    "fleet": fleet.measure,
    "feed": feed.measure,
    "markets": markets.measure,
    "backups": backups.measure,
}
LONG = {"prefix", "latency", "fleet", "backups"}
"""Many minutes: only when named."""


def main() -> int:
    """Run the named benches, all of them by default."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure what the house promises about speed.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as an array")
    parser.add_argument("--instances", type=_counts, default=fleet.SIZES, help="fleet: how many, 1,10,50,100 if unset")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    rows = []
    for name in given.names or (name for name in BENCHES if name not in LONG):
        with tempfile.TemporaryDirectory(prefix="investbot-bench-") as scratch:
            measure = partial(fleet.measure, sizes=given.instances) if name == "fleet" else BENCHES[name]
            for figure in measure(Path(scratch)):
                print(figure.line(), flush=True)
                rows.append(figure.row())
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


def _counts(said: str) -> tuple[int, ...]:
    return tuple(sorted(int(word) for word in said.split(",")))


if __name__ == "__main__":
    raise SystemExit(main())
