"""Kills live instances at random moments among random faults, then holds their ledgers against the exchange.

Without --profile the exchange is the tests' own, on the loopback, and faults of its are drawn too. With --profile it is
any other that ccxt knows: the file is a profile of InvestBot whose [venue] says which ([venue.ccxt] with its addresses
for a test server) and whose [market] says what is traded; what it leaves out is a strategy that trades all the time.
--keys names a file with the API keys, JSON or name=value lines. Nothing is asked there but by ccxt's public calls.
Nobody else should trade on that account meanwhile, and it ends flat: never point it at money that is not to be lost.

    scripts/chaos --seed 3 --kills 300 --json chaos.json
    scripts/chaos --profile emulator.toml --keys keys.json --kills 100
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from investbot.cli.keyfile import parse_keys
from investbot.domain.errors import InvestBotError, TryAgain
from scripts.chaos_run.exchange import ExchangeProcess
from scripts.chaos_run.fleet import Fleet
from scripts.chaos_run.lives import Exchange, Lives, in_parallel, live
from scripts.chaos_run.plan import make_plan
from scripts.chaos_run.protection import gaps
from scripts.chaos_run.verdict import Figure, judged

SPEED = 60.0
"""Venue time over wall time: a one-minute bar closes every second."""
KEYS = {"alpha": "main", "beta": "second"}
"""Two instances on one account, each with an API key of its own."""
FLATTENS = 3
"""Times an instance is told to sell everything where it says that it should be told again."""
CALM_S = 4.0
"""Seconds that each instance has without faults before it is told to sell everything."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, write the rows; 1 when anything is off."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of the market, the faults and the moments")
    parser.add_argument("--kills", type=int, default=300, help="how many, over both instances")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    parser.add_argument("--keep", type=Path, help="make the home here and leave it, to look at it afterwards")
    parser.add_argument("--profile", type=Path, help="another exchange than the tests' own: a profile that names it")
    parser.add_argument("--keys", type=Path, help="with --profile: the API keys, JSON or name=value lines")
    parser.add_argument("--instances", type=int, default=2, choices=(1, 2), help="with --profile: on that account")
    asked = parser.parse_args(arguments)
    command = f"scripts/chaos --seed {asked.seed} --kills {asked.kills}"
    with tempfile.TemporaryDirectory(prefix="investbot-chaos.") as scratch:
        home = asked.keep or Path(scratch) / "home"
        if asked.profile is None:
            figures = run(home, asked.seed, asked.kills)
        else:
            command += f" --profile {asked.profile.name}"
            keys = {} if asked.keys is None else parse_keys(asked.keys.read_text())
            told = tomllib.loads(asked.profile.read_text())
            figures = run_outside(home, asked.seed, asked.kills, told, keys, list(KEYS)[: asked.instances])
    for figure in figures:
        print(figure.line())
    if asked.json:
        asked.json.write_text(json.dumps([figure.row(command) for figure in figures], indent=1) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


def run(home: Path, seed: int, kills: int) -> list[Figure]:
    """Do all of it in a new home on the tests' own exchange, and judge."""
    began = time.monotonic()
    all_lives = [Lives(name, key) for name, key in KEYS.items()]
    with ExchangeProcess(seed, SPEED) as exchange:
        fleet = Fleet(home)
        for lives in all_lives:
            fleet.add(lives.name, exchange.settings(), exchange.card["keys"][lives.key])
        refused = _lived(all_lives, fleet, exchange, seed, kills)
        truth, now = exchange.truth(), time.monotonic()
        figures = judged(fleet, lambda _: truth, KEYS, lambda books, told: gaps(books, told, now))
    return _told(all_lives, figures, refused, kills, began)


def run_outside(
    home: Path, seed: int, kills: int, profile: Mapping[str, Any], keys: Mapping[str, str], names: Sequence[str]
) -> list[Figure]:
    """Do all of it in a new home on an exchange of somebody else, and judge by what it tells everybody."""
    from scripts.chaos_run.outside import Outside, Watch

    began = time.monotonic()
    all_lives = [Lives(name, name) for name in names]
    fleet, owners = Fleet(home), {name: name for name in names}
    for lives in all_lives:
        fleet.add(lives.name, {}, keys, profile=profile)
    told = fleet.config(names[0])
    outside = Outside(
        told.venue.name, told.venue.ccxt, keys, told.market.symbols, sandbox=told.venue.mode.value == "sandbox"
    )
    watch = Watch(outside)
    watch.start()
    refused = _lived(all_lives, fleet, outside, seed, kills)
    watch.end()
    seen = sorted(watch.gaps, key=lambda gap: -gap.seconds)
    figures = judged(
        fleet, lambda books: outside.truth(books, owners), owners, lambda _books, _truth: seen, outside.instruments()
    )
    looks = Figure("looks at what is held and covered", watch.looks, "looks")
    return [*_told(all_lives, figures, refused, kills, began), looks]


def _lived(all_lives: Sequence[Lives], fleet: Fleet, exchange: Exchange, seed: int, kills: int) -> list[str]:
    """Let all instances live, be killed, and come to rest; say which could not be flattened."""
    began = time.monotonic()
    share, more = divmod(kills, len(all_lives))

    def told(_: Lives) -> None:
        done = sum(lives.kills for lives in all_lives)
        if done % 20 == 0:
            print(f"{time.monotonic() - began:6.0f} s  {done} of {kills} kills", file=sys.stderr, flush=True)

    plans = [make_plan(seed, share + (number < more), lives.key) for number, lives in enumerate(all_lives)]
    in_parallel(
        [partial(live, lives, fleet, exchange, plan, told) for lives, plan in zip(all_lives, plans, strict=True)]
    )
    exchange.clear()
    refused: list[str] = []
    in_parallel([partial(_end, lives, fleet, refused) for lives in all_lives])
    return refused


def _told(
    all_lives: Sequence[Lives], figures: Sequence[Figure], refused: Sequence[str], kills: int, began: float
) -> list[Figure]:
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
    for left in reversed(range(FLATTENS)):
        try:
            fleet.flatten(lives.name)
        except TryAgain as error:
            if not left:
                refused.append(f"{lives.name}: {error}")
        except InvestBotError as error:
            refused.append(f"{lives.name}: {error}")
            return
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
