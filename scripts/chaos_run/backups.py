"""Backs a live instance up while it trades at full speed, throws its ledger away, restores, and compares.

Each round: an instance trades on the tests' own exchange at many times the wall's speed; backups are made beside it;
at the moment of the last one it is killed, as a machine that dies. Its ledger is thrown away, the archive put in its
place, the instance started again, and its ledger held against the exchange's own records. A round whose instance traded
between the copy and its death says nothing about the archive and is tried again; it is counted.

    scripts/chaos backups --rounds 10 --seed 1 --json backups.json
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from investbot.adapters.backups import workroom
from investbot.adapters.backups.archive import AgeArchiver, measure
from investbot.adapters.backups.durable import sha256
from investbot.adapters.backups.sealing import new_identity
from investbot.adapters.backups.shelf import FolderShelf
from investbot.adapters.clock import SystemClock
from investbot.adapters.storage import snapshot, sqlcipher
from investbot.adapters.storage.pages import PageSealer
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.backup.create import Job, Making, create
from investbot.backup.verify import Bench
from investbot.domain import events as e
from investbot.domain.events import Event
from investbot.ports.backups import Archive, Keys, Progress
from scripts.chaos_run.exchange import ExchangeProcess
from scripts.chaos_run.fleet import KEY, Child, Fleet
from scripts.chaos_run.truth import Book, compared
from scripts.chaos_run.verdict import Figure

SPEED = 60.0
NAME, ACCOUNT_KEY = "alpha", "main"
TRADES_S = 5.0
"""Seconds that an instance trades before backups are made; without a supervisor it soon makes no more entries."""
SETTLES_S = 90.0
_OPINIONS = (e.SignalRaised, e.IntentDenied)
"""What may be written after the copy: a ledger that lacks it has the same orders, fills and money."""
_PATIENCE_MS, _STARTS = 10_000, 3
"""How long an answer of the exchange may take, and how often an instance is started before it counts as failed."""
TRIES = 20
"""Rounds that may say nothing before one does."""


class Rounds:
    """One home, one exchange, and what came of each round."""

    def __init__(self, home: Path, exchange: ExchangeProcess) -> None:
        self.exchange = exchange
        self.fleet = Fleet(home)
        self.fleet.add(NAME, exchange.settings(_PATIENCE_MS), exchange.card["keys"][ACCOUNT_KEY])
        self.shelf = FolderShelf(self.fleet.home.backups / NAME, NAME)
        self.archiver = AgeArchiver(PageSealer)
        keys = Keys((new_identity(),), (secrets.token_bytes(32),))
        aside = self.shelf.folder
        bench = Bench(self.archiver, lambda size: workroom.workroom(size, aside), snapshot.examine, sha256)
        self.making = Making(keys, bench, measure, "chaos")
        self.archives = self.fills = self.late = 0
        self.off: list[str] = []

    def round(self, number: int) -> None:
        """Do one round, tried again until the archive holds all that the dead instance had done."""
        for _ in range(TRIES):
            child = self._trading()
            beside = _events(self._unpacked(self.backup(_nothing)))
            self._wait_for_more()
            archive = self.backup(partial(_kill_once_copied, child))
            lost, restored = self.fleet.events(NAME), self._unpacked(archive)
            held = _events(restored)
            if lost[: len(held)] != held or held[: len(beside)] != beside:
                self.off.append(f"round {number}: an archive is not how the ledger began")
            if all(isinstance(event, _OPINIONS) for event in lost[len(held) :]):
                self._restart_from(restored, number)
                self.fills += sum(isinstance(event, e.OrderFilled) for event in held)
                return
            self.late += 1
        self.off.append(f"round {number}: something was done after each of {TRIES} copies")

    def backup(self, progress: Progress) -> Archive:
        """Make a verified archive beside whatever runs."""
        ledger = self.fleet.folder(NAME).ledger
        job = Job((), lambda folder: snapshot.take(ledger, KEY, folder), ledger.stat().st_size)
        archive = create(job, self.shelf, self.making, SystemClock().now(), progress)
        self.archives += 1
        return archive

    def _trading(self) -> Child:
        """Start the instance and let it trade until it has done so for a while."""
        before = self._filled()
        child = self._ready()
        child.wait(time.monotonic() + TRADES_S)
        until = time.monotonic() + TRADES_S
        while self._filled() == before and time.monotonic() < until:
            child.wait(time.monotonic() + 0.5)
        return child

    def _ready(self) -> Child:
        """Start the instance, again where it gives up on an exchange that is too slow, as a supervisor would."""
        for _ in range(_STARTS):
            child = self.fleet.spawn(NAME)
            child.wait(time.monotonic() + SETTLES_S, ready=True)
            if child.ready:
                break
            child.kill()
        return child

    def _wait_for_more(self) -> None:
        """Wait until the instance has just written something, as it does once a bar."""
        before, until = len(self.fleet.events(NAME)), time.monotonic() + TRADES_S
        while len(self.fleet.events(NAME)) == before and time.monotonic() < until:
            time.sleep(0.05)

    def _unpacked(self, archive: Archive) -> Path:
        """Unpack an archive beside the ledger, under the ledger's key."""
        folder = self.fleet.folder(NAME).path / "restored"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        self.archiver.unpack(archive.path, self.making.keys, folder, KEY, _nothing)
        return folder / "ledger.db"

    def _restart_from(self, restored: Path, number: int) -> None:
        """Put a restored ledger in place of what was lost, start from it, and wait until all agree."""
        ledger = self.fleet.folder(NAME).ledger
        sqlcipher.remove(ledger)
        restored.replace(ledger)
        child = self._ready()
        until = time.monotonic() + SETTLES_S
        while (off := self._differences()) and time.monotonic() < until:
            time.sleep(0.2)
        self.off += [f"round {number}: {each}" for each in off]
        code, said = child.stop()
        if code:
            self.off.append(f"round {number}: it ended with {code}: {said.strip()[-300:]}")

    def _filled(self) -> int:
        return sum(isinstance(event, e.OrderFilled) for event in self.fleet.events(NAME))

    def _differences(self) -> list[str]:
        books = [Book.of(NAME, self.fleet.events(NAME))]
        found = compared(books, self.exchange.truth(), {NAME: ACCOUNT_KEY})
        return [f"{figure}: {each}" for figure, told in found.items() for each in told]


def run(home: Path, seed: int, rounds: int, speed: float = SPEED) -> list[Figure]:
    """Do all rounds in a new home, and tell."""
    began = time.monotonic()
    with ExchangeProcess(seed, speed) as exchange:
        made = Rounds(home, exchange)
        equal = 0
        for number in range(1, rounds + 1):
            before = len(made.off)
            made.round(number)
            equal += len(made.off) == before
            print(f"{time.monotonic() - began:6.0f} s  {equal} of {number} rounds equal", file=sys.stderr, flush=True)
            print(*made.off[before:][:5], sep="\n", end="", file=sys.stderr, flush=True)
    return [
        Figure("restored ledgers that equal the exchange", equal, "rounds", rounds, "higher", made.off),
        Figure("archives made and verified while it traded", made.archives, "archives"),
        Figure("fills in the restored ledgers", made.fills, "fills"),
        Figure("rounds that said nothing", made.late, "rounds"),
        Figure("time", time.monotonic() - began, "s"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, write the rows; 1 when anything is off."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos backups", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of the market")
    parser.add_argument("--rounds", type=int, default=10, help="how many")
    parser.add_argument("--speed", type=float, default=SPEED, help="venue time over wall time")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="investbot-chaos.") as scratch:
        figures = run(Path(scratch) / "home", asked.seed, asked.rounds, asked.speed)
    for figure in figures:
        print(figure.line())
    if asked.json:
        command = f"scripts/chaos backups --rounds {asked.rounds} --seed {asked.seed} --speed {asked.speed:g}"
        asked.json.write_text(json.dumps([figure.row(command) for figure in figures], indent=1) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


def _events(ledger: Path) -> list[Event]:
    with closing(SqlcipherReader.open(ledger, KEY)) as reader:
        return [recorded.event for recorded in reader.events()]


def _kill_once_copied(child: Child, what: str, done: int, _total: int) -> None:
    if (what, done) == ("copying", 1):
        child.kill()


def _nothing(_what: str, _done: int, _total: int) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
