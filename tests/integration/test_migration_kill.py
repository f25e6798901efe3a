"""kill -9 in the middle of migrations, up and down: the ledger is at one schema or the other, and whole."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from investbot.adapters.storage import schema, sqlcipher
from investbot.adapters.storage.inspection import inspect
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.migrate import migrate
from tests.unit.adapters.storage.samples import KEY, filled

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
KILLS = 12
MIGRATOR = """
import sys
from pathlib import Path
from investbot.adapters.storage import schema
from investbot.adapters.storage.migrate import migrate
from tests.unit.adapters.storage.samples import KEY
path = Path(sys.argv[1])
print("ready", flush=True)
while True:
    migrate(path, KEY, 2)
    migrate(path, KEY)
"""


def killed(path: Path, after_s: float) -> None:
    """Let a process migrate down and up again and again, and kill it."""
    program = [sys.executable, "-c", MIGRATOR, str(path)]
    with subprocess.Popen(program, cwd=REPOSITORY, stdout=subprocess.PIPE) as migrator:
        assert migrator.stdout is not None
        assert migrator.stdout.readline() == b"ready\n"
        time.sleep(after_s)
        migrator.send_signal(signal.SIGKILL)
    assert migrator.returncode == -signal.SIGKILL


def test_kills_in_migrations_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    filled(path, 3, 150)
    with closing(SqlcipherLedger.open(path, KEY)) as ledger:
        before = list(ledger.events())
    chance = random.Random(5)
    found = set()
    for _ in range(KILLS):
        killed(path, chance.uniform(0.0, 0.3))
        with closing(sqlcipher.connect(path, KEY)) as connection:
            found.add(schema.version(connection))
        with closing(SqlcipherLedger.open(path, KEY)) as ledger:
            assert list(ledger.events()) == before
        assert inspect(path, KEY) == []
    assert found <= {2, schema.latest()}
    migrate(path, KEY)
    whole = {"ledger.db", "ledger.db.v2.copy", f"ledger.db.v{schema.latest()}.copy"}
    assert {each.name for each in path.parent.iterdir() if not each.name.endswith(("-wal", "-shm"))} <= whole
