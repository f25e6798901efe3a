"""Accidents that need a process of their own: kills at every step, and disks that are full or read-only.

accidents.py kills FOLDER          children are killed at one step after the other; prints what became of the shelf
accidents.py disk FOLDER OPTIONS   with a tiny disk mounted where archives lie; prints the sentence
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from investbot.adapters.backups import workroom
from investbot.adapters.storage.vault import OpenVault
from investbot.bootstrap import backup
from investbot.bootstrap.home import Home
from investbot.domain.errors import InvestBotError
from tests.unit.backup.homes import AT, fleet, silent

BY_CHANCE = 8
"""Kills at moments that nobody chose, besides those at chosen steps."""


class Steps:
    """Counts what a process asks of the system, and ends it without a word at one of these steps."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0

    def __call__(self, event: str, _args: tuple[object, ...]) -> None:
        if event.startswith(("open", "os.", "fcntl.", "shutil.", "tempfile.", "sqlcipher3")):
            self.step()

    def step(self, *_: object) -> None:
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], None], after_s: float | None = None) -> int:
    """Run `work` in a copy of this process, killed after so many seconds, and give how it ended."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def steps_of(home: Home, vault: OpenVault) -> int:
    """Count the steps of one whole backup."""
    read, write = os.pipe()

    def work() -> None:
        steps = Steps(-1)
        sys.addaudithook(steps)
        backup.create_archive(home, vault, "alpha", AT, progress=steps.step)
        os.write(write, str(steps.count).encode())

    assert forked(work) == 0
    return int(os.read(read, 100))


def kills(folder: Path) -> dict[str, object]:
    """Kill backups at steps spread over all of them, and look at what is there after each."""
    chance, killed, torn, tried = random.Random(1), 0, [], 0
    workroom.MEMORY = folder / "memory"
    workroom.MEMORY.mkdir()
    with fleet(folder, "alpha", batches=20) as (home, vault):
        shelf = backup.shelf_of(home, "alpha")
        backup.create_archive(home, vault, "alpha", AT, progress=silent)
        count = steps_of(home, vault)
        begun = time.monotonic()
        backup.create_archive(home, vault, "alpha", AT, progress=silent)
        lasts = time.monotonic() - begun
        points: list[int | None] = [*range(1, count, max(1, count // 30)), *[None] * BY_CHANCE]
        for point in points:
            before = shelf.archives()

            def work(point: int | None = point) -> None:
                steps = Steps(-1 if point is None else point)
                sys.addaudithook(steps)
                backup.create_archive(home, vault, "alpha", AT, progress=steps.step)

            ended = forked(work, None if point else chance.uniform(0, lasts))
            tried += 1
            killed += ended == -signal.SIGKILL
            after = shelf.archives()
            if after[: len(before)] != before or len(after) > len(before) + 1:
                torn.append(f"{point}: {len(before)} archives became {len(after)}")
            if len(after) > len(before):
                backup.verify_archive(home, vault, after[-1], AT, silent)
            for archive in after[1:-1]:  # enough is enough: two stay
                archive.path.unlink()
        last = backup.create_archive(home, vault, "alpha", AT, progress=silent)
        backup.verify_archive(home, vault, last, AT, silent)
        left = [each.name for each in shelf.folder.iterdir() if each.name.endswith(".part")]
        left += [each.name for each in workroom.MEMORY.glob(f"investbot-backup-{os.getuid()}-*")]
        return {"steps": count, "tried": tried, "killed": killed, "torn": torn, "left": left}


def disk(folder: Path, options: str) -> dict[str, object]:
    """Mount a tiny disk where archives lie and try to put one there; give the sentence and what lies there after."""
    with fleet(folder, "alpha", batches=400) as (home, vault):
        home.backups.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=64k", "tmpfs", str(home.backups)], check=True)
        shelf = backup.shelf_of(home, "alpha")
        shelf.folder.mkdir()
        (shelf.folder / "000001-20260101T000000Z.ibk").write_bytes(b"an earlier archive")
        if options:
            subprocess.run(["mount", "-o", f"remount,{options}", str(home.backups)], check=True)
        try:
            backup.create_archive(home, vault, "alpha", AT, progress=silent)
            told = ""
        except InvestBotError as error:
            told = str(error)
        names = sorted(each.name for each in shelf.folder.iterdir())
        return {"told": told, "names": names, "earlier": (shelf.archives()[0].path.read_text())}


if __name__ == "__main__":
    what, where, *more = sys.argv[1:]
    print(json.dumps(kills(Path(where)) if what == "kills" else disk(Path(where), *more)))
