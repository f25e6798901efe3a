"""A restore that is killed at any moment leaves the old files, or the new ones with the old ones kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from investbot.backup.placing import Placing, finish
from investbot.domain.errors import AlreadyExists, BackupError

OLD = {
    "ledger.db": "old ledger",
    "ledger.db-wal": "old log",
    "ledger.db-shm": "old index",
    "instance.toml": "old settings",
    "versions/0001.toml": "one",
    "versions/0002.toml": "old two",
    "logs/alpha.log": "kept",
}
NEW = {
    "ledger.db": "new ledger",
    "instance.toml": "new settings",
    "versions/0001.toml": "one",
    "versions/0003.toml": "new three",
    "restored.json": "{}",
}
NAMES = ["ledger.db", "instance.toml", "versions", "restored.json"]

KILLED = """\
import json, os, signal, sys
from pathlib import Path
from investbot.backup.placing import Placing, finish

NEW, NAMES, base, only_finish = json.loads(sys.argv[1])


def walk(folder, point):
    count = 0

    def hook(event, args):
        nonlocal count
        if event in {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "shutil.rmtree"} or (
            event == "open" and str(args[0]).startswith(str(folder))
        ):
            count += 1
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    if only_finish:
        finish(folder)
        return
    placing = Placing(folder)
    new = placing.begin()
    for name, text in NEW.items():
        (new / name).parent.mkdir(exist_ok=True)
        (new / name).write_text(text)
    placing.commit(NAMES, "7-then")


killed = []
for folder in sorted(Path(base).iterdir(), key=lambda each: int(each.name)):
    pid = os.fork()
    if pid == 0:
        walk(folder, int(folder.name))
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert status in {0, signal.SIGKILL}, status
    killed.append(status == signal.SIGKILL)
print(json.dumps(killed))
"""


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def kill_at_every_step(
    base: Path, old: Mapping[str, str], points: int = 70, *, only_finish: bool = False
) -> list[bool]:
    """Restore in one folder a step below `base`, killed at that step; tell for each whether it came so far."""
    for point in range(1, points + 1):
        write(base / str(point), old)
    told = [NEW, NAMES, str(base), only_finish]
    done = subprocess.run([sys.executable, "-c", KILLED, json.dumps(told)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    killed: list[bool] = json.loads(done.stdout)
    assert not killed[-1], "there are more steps than were tried"
    assert killed == sorted(killed, reverse=True)
    return killed


def after(new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
    """Give what must lie in the folder once the restore is through."""
    gone = {name: text for name, text in old.items() if name.partition("/")[0] != "logs"}
    kept = {name: text for name, text in old.items() if name not in gone}
    return {**kept, **new, **{f"replaced/7-then/{name}": text for name, text in gone.items()}}


def test_a_restore_keeps_what_it_replaces(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    placing = Placing(tmp_path)
    write(placing.begin(), NEW)
    assert placing.commit(NAMES, "7-then") == tmp_path / "replaced" / "7-then"
    assert read(tmp_path) == after(NEW, OLD)
    assert not finish(tmp_path)


def test_a_restore_into_an_empty_folder(tmp_path: Path) -> None:
    placing = Placing(tmp_path / "alpha")
    write(placing.begin(), NEW)
    placing.commit(NAMES, "7-then")
    assert read(tmp_path / "alpha") == NEW


def test_settings_alone_leave_the_ledger_and_its_log(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    placing = Placing(tmp_path)
    write(placing.begin(), {"instance.toml": "new settings"})
    placing.commit(["instance.toml"], "7-then")
    assert read(tmp_path) == {**OLD, "instance.toml": "new settings", "replaced/7-then/instance.toml": "old settings"}


def test_what_was_given_up_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    placing = Placing(tmp_path)
    write(placing.begin(), NEW)
    placing.abandon()
    assert read(tmp_path) == OLD
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "instance.toml", "ledger.db", "ledger.db-shm", "ledger.db-wal", "logs", "versions",
    ]  # fmt: skip


def test_a_label_that_is_taken_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {**OLD, "replaced/7-then/ledger.db": "older"})
    placing = Placing(tmp_path)
    write(placing.begin(), NEW)
    with pytest.raises(AlreadyExists, match="7-then"):
        placing.commit(NAMES, "7-then")
    placing.abandon()
    assert read(tmp_path)["ledger.db"] == "old ledger"


def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    killed = kill_at_every_step(tmp_path, OLD)
    assert sum(killed) >= 30
    seen = set()
    for point, was_killed in enumerate(killed, 1):
        folder = tmp_path / str(point)
        assert (folder / "instance.toml").read_text() in {"old settings", "new settings"}
        begun = finish(folder)
        found = read(folder)
        assert not (folder / ".restoring").exists()
        whole = found == after(NEW, OLD)
        assert whole or (found == OLD and was_killed and not begun), point
        seen.add((begun, whole))
    assert seen == {(False, False), (True, True), (False, True)}


def test_a_kill_where_there_was_no_ledger_never_takes_the_new_one_away(tmp_path: Path) -> None:
    old = {"instance.toml": "old settings"}
    for point, was_killed in enumerate(kill_at_every_step(tmp_path, old), 1):
        begun = finish(tmp_path / str(point))
        found = read(tmp_path / str(point))
        assert found == after(NEW, old) or (found == old and was_killed and not begun), point


def test_a_kill_while_a_killed_restore_is_finished(tmp_path: Path) -> None:
    new = {f".restoring/new/{name}": text for name, text in NEW.items()}
    plan = {".restoring/plan.json": json.dumps({"names": NAMES, "label": "7-then"})}
    killed = kill_at_every_step(tmp_path, {**OLD, **new, **plan}, only_finish=True)
    assert sum(killed) >= 20
    for point in range(1, len(killed) + 1):
        finish(tmp_path / str(point))
        assert read(tmp_path / str(point)) == after(NEW, OLD), point


def test_a_full_disk_changes_nothing(small_disk: Path) -> None:
    write(small_disk, OLD)
    placing = Placing(small_disk)
    write(placing.begin(), NEW)
    filler = small_disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
    with pytest.raises(BackupError, match="No space left on device; make room"):
        placing.commit(NAMES, "7-then")
    filler.unlink()
    assert read(small_disk) == OLD


def test_a_folder_nobody_may_write_to_is_refused(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / ".restoring").write_text("in the way")
    with pytest.raises(BackupError, match="make room and do it again"):
        Placing(tmp_path).begin()
    (tmp_path / ".restoring").unlink()
    assert read(tmp_path) == OLD
