"""Kills the supervisor again and again while instances trade, then holds every ledger against an undisturbed run."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.vault import Vault
from investbot.adapters.storage.vault_file import KdfCost
from investbot.bootstrap.home import Home
from investbot.bootstrap.instance import run_foreground
from investbot.config.fleet import init_fleet
from investbot.config.instance import new_instance
from investbot.config.layers import from_assignments
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.control.client import ControlClient, supervisor_answers
from investbot.control.rows import event_row
from investbot.domain.errors import InvestBotError
from investbot.domain.market import MINUTE
from investbot.supervisor.processes import end_holder
from scripts.chaos_run.verdict import Figure

PASSPHRASE = "chaos"  # noqa: S105 - of homes that last as long as the run
KEY = bytes(range(32))
CHEAP = KdfCost(memory_kib=8 * 4, iterations=1, lanes=4)
SPEED = 10.0
"""Candles a second of the wall."""
PATIENT_S = 120.0
"""Seconds that all instances have to be found again on a busy machine."""
BEGIN = 1_704_067_200_000
BUSY = (
    "venue.name=synthetic",
    "market.timeframe=1m",
    "strategy.name=ma_cross",
    "strategy.parameters.fast=3",
    "strategy.parameters.slow=8",
    "risk.cooldown=0s",
    "risk.min_net_reward_risk=0",
    "risk.max_entries_per_hour=1000",
    "risk.max_entries_per_day=10000",
    "risk.max_drawdown_fraction=0.9",
    "risk.daily_loss_fraction=0.9",
)


@dataclass
class Run:
    """One home under chaos, and what was seen of it; times in seconds."""

    home: Home
    names: list[str]
    chance: random.Random
    process: subprocess.Popen[bytes] | None = None
    pids: dict[str, int] = field(default_factory=dict)
    adopted_s: list[float] = field(default_factory=list)
    early: int = 0
    """Kills before the supervisor answered."""
    lost: list[str] = field(default_factory=list)

    def up(self) -> None:
        """Start a supervisor as `up --detach` does, without waiting for it."""
        reading, writing = os.pipe()
        os.write(writing, PASSPHRASE.encode())
        os.close(writing)
        command = [sys.executable, "-P", "-m", "investbot.bootstrap.supervisor", "--home", str(self.home.path)]
        try:
            self.process = subprocess.Popen(
                [*command, "--passphrase-fd", str(reading)], pass_fds=(reading,), start_new_session=True
            )
        finally:
            os.close(reading)

    def kill(self) -> None:
        """End the supervisor as a power cut does."""
        if self.process is not None:
            self.early += not supervisor_answers(self.home.path)
            self.process.kill()
            self.process.wait()

    def status(self) -> dict[str, dict[str, Any]]:
        """Give the row of each instance; none while nobody answers."""
        try:
            with ControlClient(self.home.path, timeout_s=30) as client:
                return {row["name"]: row for row in client.call("status")}
        except InvestBotError:
            return {}

    def all_run(self) -> bool:
        """Tell whether every instance is RUNNING and has been heard."""
        rows = self.status()
        return len(rows) == len(self.names) and all(
            row["state"] == "RUNNING" and row["heartbeat_age_s"] is not None for row in rows.values()
        )

    def find_again(self, kill: int) -> None:
        """Wait until the new supervisor has every instance; note those it has not, or that are other processes."""
        began = time.monotonic()
        if not _true_within(self.all_run, PATIENT_S):
            states = {name: row["state"] for name, row in self.status().items() if row["state"] != "RUNNING"}
            self.lost.append(f"kill {kill}: not all were found again: {states}")
            return
        self.adopted_s.append(time.monotonic() - began)
        for name, row in self.status().items():
            if row["pid"] != self.pids.setdefault(name, row["pid"]):
                self.lost.append(f"kill {kill}: {name} was process {self.pids[name]} and is {row['pid']}")

    def down(self) -> None:
        """Stop all of it in order."""
        with ControlClient(self.home.path, timeout_s=120) as client:
            client.call("down")
        if self.process is not None:
            self.process.wait(60)

    def clean_up(self) -> None:
        """Leave no process behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for name in self.names:
            end_holder(self.home.instance(name).lock, name, 10.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, write the rows; 1 when anything is off."""
    parser = argparse.ArgumentParser(prog="scripts/chaos supervisor", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the markets and the moments")
    parser.add_argument("--kills", type=int, default=50, help="how often the supervisor is killed")
    parser.add_argument("--instances", type=int, default=20, help="how many trade meanwhile")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    parser.add_argument("--keep", type=Path, help="make the homes here and leave them, to look at them afterwards")
    asked = parser.parse_args(arguments)
    command = f"scripts/chaos supervisor --seed {asked.seed} --kills {asked.kills} --instances {asked.instances}"
    with tempfile.TemporaryDirectory(prefix="investbot-chaos.") as scratch:
        figures = run(asked.keep or Path(scratch), asked.seed, asked.kills, asked.instances)
    for figure in figures:
        print(figure.line())
    if asked.json:
        asked.json.write_text(json.dumps([figure.row(command) for figure in figures], indent=1) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


def run(folder: Path, seed: int, kills: int, instances: int) -> list[Figure]:
    """Do all of it in new homes under `folder` and judge."""
    began = time.monotonic()
    chance = random.Random(seed)  # noqa: S311 - chaos that can be repeated
    names = [f"i{number:02d}" for number in range(instances)]
    home = _make_home(folder / "home")
    with closing(Vault.create(home.vault, PASSPHRASE, CHEAP)) as vault:
        keys = {name: vault.add(name) for name in names}
    for number, name in enumerate(names):
        _make_instance(home, name, keys[name], f"venue.synthetic.seed={seed + number}")
    chaos = Run(home, names, chance)
    try:
        _disturb(chaos, kills)
    finally:
        chaos.clean_up()
    twice = [told for name in names for told in _started_twice(home, name)]
    off = [
        told for number, name in enumerate(names) for told in _compared(folder, home, name, keys[name], seed + number)
    ]
    events = sum(len(_events(home, name, keys[name])) for name in names)
    return [
        Figure("kills of the supervisor", kills, "kills"),
        Figure("kills before it answered", chaos.early, "kills"),
        Figure("instances trading", instances, "instances"),
        Figure("instances that were not adopted as they were", len(chaos.lost), "faults", 0, "lower", chaos.lost),
        Figure("processes beside the first of an instance", len(twice), "processes", 0, "lower", twice),
        Figure("events lost, doubled or changed", len(off), "events", 0, "lower", off),
        Figure("events written meanwhile", events, "events"),
        Figure("from the start of a supervisor to all adopted, median", _median(chaos.adopted_s), "s"),
        Figure("the same, longest", max(chaos.adopted_s, default=0.0), "s"),
        Figure("time", time.monotonic() - began, "s"),
    ]


def _disturb(chaos: Run, kills: int) -> None:
    chaos.up()
    if not _true_within(lambda: supervisor_answers(chaos.home.path), PATIENT_S):
        raise SystemExit("The first supervisor did not come up.")
    with ControlClient(chaos.home.path, timeout_s=300) as client:
        failed = [line for line in client.call("start", all=True) if not line["ok"]]
    if failed:
        raise SystemExit(f"Not all instances started: {failed}")
    chaos.find_again(0)
    for kill in range(1, kills + 1):
        # Every third one dies while it comes up or is still finding its instances.
        if kill % 3:
            time.sleep(chaos.chance.uniform(0.0, 1.5))
        chaos.kill()
        chaos.up()
        if kill % 3 == 2 and kill < kills:
            time.sleep(chaos.chance.uniform(0.0, 1.0))
        else:
            chaos.find_again(kill)
        if kill % 10 == 0:
            print(f"{kill} of {kills} kills", file=sys.stderr, flush=True)
    chaos.down()


def _make_home(path: Path) -> Home:
    home = Home(path)
    home.ensure()
    init_fleet(home.path)
    # Ids of orders are made with the home's own: the undisturbed run is to have the same.
    text = home.settings.read_text().splitlines()
    home.settings.write_text("\n".join('home_id = "chaos"' if "home_id" in line else line for line in text) + "\n")
    return home


def _make_instance(home: Home, name: str, key: bytes, *settings: str) -> None:
    folder = home.instance(name)
    folder.ensure()
    told = from_assignments((*BUSY, f"venue.synthetic.speed={SPEED}", *settings)).data
    save(
        folder.path, new_instance(name, Profile.model_validate(told), "chaos", Decimal(1000), BEGIN), BEGIN, "chaos", ""
    )
    SqlcipherLedger.create(folder.ledger, key, instance=name).close()


def _events(home: Home, name: str, key: bytes) -> list[dict[str, Any]]:
    with closing(SqlcipherReader.open(home.instance(name).ledger, key)) as reader:
        return [event_row(recorded.seq, recorded.event) for recorded in reader.events()]


def _compared(folder: Path, home: Home, name: str, key: bytes, seed: int) -> list[str]:
    """Run the same market undisturbed, and name every event in which the two ledgers differ."""
    with closing(SqlcipherReader.open(home.instance(name).ledger, key)) as reader:
        cursor = reader.snapshot()["cursor"]
    count = (cursor["opened_at"] - BEGIN) // MINUTE + 1
    other = _make_home(folder / "undisturbed" / name)
    _make_instance(
        other,
        name,
        KEY,
        f"venue.synthetic.seed={seed}",
        "venue.synthetic.speed=0",
        f"venue.synthetic.candles={count}",
        "venue.synthetic.close_at_end=false",
    )
    ending = run_foreground(other.path, name, KEY)
    if ending.exit_code:
        return [f"{name} undisturbed: {ending.message}"]
    wanted = [row for row in _events(other, name, KEY) if row["kind"] != "SourceFinished"]
    found = _events(home, name, key)
    off = [f"{name}: {len(found)} events instead of {len(wanted)}"] if len(found) != len(wanted) else []
    return off + [
        f"{name} #{ours['seq']}: {ours['kind']} at {ours['at']}, not {theirs['kind']} at {theirs['at']}"
        for ours, theirs in zip(found, wanted, strict=False)
        if ours != theirs
    ]


def _started_twice(home: Home, name: str) -> list[str]:
    """Name every process that had the instance's lock beside the first one, from its own log."""
    lines = [json.loads(line) for path in home.instance(name).log_files() for line in path.read_text().splitlines()]
    pids = [line["pid"] for line in lines if line["event"] == "started"]
    return [f"{name}: process {pid} after {pids[0]}" for pid in pids[1:]]


def _true_within(check: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if check():
            return True
        time.sleep(0.05)
    return False


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
