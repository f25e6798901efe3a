"""Kills live instances at random moments among random faults, then holds their ledgers against the exchange."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from investbot.domain.errors import InvestBotError
from scripts.chaos_run.exchange import ExchangeProcess
from scripts.chaos_run.fleet import Fleet
from scripts.chaos_run.lives import Lives, in_parallel, live
from scripts.chaos_run.plan import make_plan
from scripts.chaos_run.verdict import Figure, judged

SPEED = 60.0
"""Venue time over wall time: a one-minute bar closes every second."""
KEYS = {"alpha": "main", "beta": "second"}
"""Two instances on one account, each with an API key of its own."""
CALM_S = 4.0
"""Seconds that each instance has without faults before it is told to sell everything."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, write the rows; 1 when anything is off."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the market, the faults and the moments")
    parser.add_argument("--kills", type=int, default=300, help="how many, over both instances")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    parser.add_argument("--keep", type=Path, help="make the home here and leave it, to look at it afterwards")
    asked = parser.parse_args(arguments)
    command = f"scripts/chaos --seed {asked.seed} --kills {asked.kills}"
    with tempfile.TemporaryDirectory(prefix="investbot-chaos.") as scratch:
        figures = run(asked.keep or Path(scratch) / "home", asked.seed, asked.kills)
    for figure in figures:
        print(figure.line())
    if asked.json:
        asked.json.write_text(json.dumps([figure.row(command) for figure in figures], indent=1) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


def run(home: Path, seed: int, kills: int) -> list[Figure]:
    """Do all of it in a new home and judge."""
    began = time.monotonic()
    shares = [kills - kills // 2, kills // 2]
    all_lives = [Lives(name, key) for name, key in KEYS.items()]

    def told(_: Lives) -> None:
        done = sum(lives.kills for lives in all_lives)
        if done % 20 == 0:
            print(f"{time.monotonic() - began:6.0f} s  {done} of {kills} kills", file=sys.stderr, flush=True)

    with ExchangeProcess(seed, SPEED) as exchange:
        fleet = Fleet(home)
        for lives in all_lives:
            fleet.add(lives.name, exchange.settings(), exchange.card["keys"][lives.key])
        plans = [make_plan(seed, share, lives.key) for lives, share in zip(all_lives, shares, strict=True)]
        in_parallel(
            [partial(live, lives, fleet, exchange, plan, told) for lives, plan in zip(all_lives, plans, strict=True)]
        )
        exchange.do("clear")
        refused: list[str] = []
        in_parallel([partial(_end, lives, fleet, refused) for lives in all_lives])
        figures = judged(fleet, exchange.truth(), KEYS, time.monotonic())
    ended = [sentence for lives in all_lives for sentence in lives.ended]
    return [
        Figure("kills", sum(lives.kills for lives in all_lives), "kills", kills - len(ended), "higher"),
        Figure("kills after readiness", sum(lives.ready for lives in all_lives), "kills"),
        *figures,
        Figure("processes that ended by themselves", len(ended), "faults", 0, "lower", ended),
        Figure("flattens that failed", len(refused), "faults", 0, "lower", refused),
        Figure("time", time.monotonic() - began, "s"),
    ]


def _end(lives: Lives, fleet: Fleet, refused: list[str]) -> None:
    """Let an instance come to itself, stop it in order, then sell all it has."""
    child = fleet.spawn(lives.name)
    child.wait(time.monotonic() + 60, ready=True)
    child.wait(time.monotonic() + CALM_S)
    code, said = child.stop()
    if code:
        lives.ended.append(f"{lives.name} ended with {code} in the calm: {said.strip()[-300:]}")
    try:
        fleet.flatten(lives.name)
    except InvestBotError as error:
        refused.append(f"{lives.name}: {error}")


if __name__ == "__main__":
    sys.exit(main())
