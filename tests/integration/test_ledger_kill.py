"""kill -9 in the middle of appends, again and again: no acknowledged event is lost and every sum still agrees."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from tests.unit.adapters.storage.samples import KEY

REPOSITORY = Path(__file__).parents[2]
KILLS = 20
WRITER = """
import sys
from pathlib import Path
from investbot.adapters.storage.ledger import SqlcipherLedger
from tests.unit.adapters.storage.samples import KEY, START, Story
ledger = SqlcipherLedger.open(Path(sys.argv[1]), KEY)
first = ledger.append([], None)
story = Story(first, at=START + first * 60_000, plans=first, signals=first)
while True:
    events, cursor = story.batch()
    last = ledger.append(events, cursor)
    print(last, cursor.symbol, cursor.opened_at, flush=True)
"""


def killed(path: Path, after_s: float) -> list[str]:
    """Run a writer for a while, kill it, and give the last append it had reported as done."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=REPOSITORY, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline()]
        time.sleep(after_s)
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
    assert writer.returncode == -signal.SIGKILL
    return [line for line in told if line.endswith(b"\n")][-1].decode().split()


def test_twenty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqlcipherLedger.create(path, KEY, instance="alpha").close()
    rng = random.Random(4)
    length = 0
    for _ in range(KILLS):
        last, symbol, opened_at = killed(path, rng.uniform(0.0, 0.15))
        with closing(SqlcipherLedger.open(path, KEY)) as ledger:
            seqs = [recorded.seq for recorded in ledger.events()]
            cursor = ledger.cursor()
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) >= int(last) > length
        if len(seqs) == int(last):
            assert cursor is not None
            assert (cursor.symbol, cursor.opened_at) == (symbol, int(opened_at)) or cursor.opened_at > int(opened_at)
        length = len(seqs)
    assert inspect(path, KEY) == []


def test_a_ledger_killed_while_it_was_made_leaves_no_half_ledger(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from investbot.adapters.storage import ledger\n"
        "Path.rename = lambda *_: os._exit(9)\n"
        "ledger.SqlcipherLedger.create(Path(sys.argv[1]), bytes(32), instance='alpha')\n"
    )
    path = tmp_path / "ledger.db"
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=REPOSITORY, check=False)
    assert done.returncode == 9
    assert not path.exists()
    SqlcipherLedger.create(path, KEY, instance="alpha").close()
    assert [each.name for each in tmp_path.iterdir()] == ["ledger.db"]
