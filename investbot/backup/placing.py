"""Putting restored files in the place of an instance's own, in steps that a kill at any moment leaves whole.

Everything is made ready in `.restoring/new` beside the live files. Until `.restoring/plan.json` has its name nothing
changed, and what lies there is rubbish; from then on whoever holds the instance's lock next walks the rest of the way:
the old files into `replaced/<label>/`, the new ones into their places. The caller holds that lock.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from investbot.domain.errors import AlreadyExists, BackupError

LEDGER = "ledger.db"
STAGING = ".restoring"
REPLACED = "replaced"
_LOGS = (f"{LEDGER}-wal", f"{LEDGER}-shm")
_PLAN = "plan.json"
_NEW = "new"
_FOLDER_MODE = 0o700


class Placing:
    """One restore into the folder of one instance."""

    def __init__(self, folder: Path) -> None:
        """Take the instance's folder, which may not be there yet."""
        self._folder = folder
        self.new = folder / STAGING / _NEW
        """Where everything is made ready: files and folders under the names they will have."""

    def begin(self) -> Path:
        """Finish what an earlier restore left behind, then give the empty folder in which to make things ready.

        BackupError when the disk refuses.
        """
        finish(self._folder)
        try:
            self.new.mkdir(mode=_FOLDER_MODE, parents=True)
        except OSError as error:
            raise _refused(self._folder, error) from None
        return self.new

    def abandon(self) -> None:
        """Throw away what was made ready; the live files were never touched."""
        shutil.rmtree(self._folder / STAGING, ignore_errors=True)

    def commit(self, names: Sequence[str], label: str) -> Path:
        """Put `names`, which are ready, in place and the old ones into `replaced/<label>`; give that folder.

        A ledger goes with its logs. AlreadyExists for a label that is taken, BackupError when the disk refuses: before
        the plan was made nothing has changed, and after it the next start goes on.
        """
        kept = self._folder / REPLACED / label
        if kept.exists():
            raise AlreadyExists(f"{kept} is there already and is not overwritten; try again.")
        try:
            for name in names:
                _make_durable(self.new / name)
            _sync_folder(self.new)
            staging = self._folder / STAGING
            draft = staging / f"{_PLAN}.new"
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(json.dumps({"names": list(names), "label": label}).encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(staging / _PLAN)
            _sync_folder(staging)
        except OSError as error:
            self.abandon()
            raise _refused(self._folder, error) from None
        finish(self._folder)
        return kept


def finish(folder: Path) -> bool:
    """Walk a restore that was cut short to its end; tell whether there was one that had begun to change something.

    The caller holds the instance's lock. BackupError when the disk refuses.
    """
    plan = folder / STAGING / _PLAN
    try:
        told = json.loads(plan.read_bytes())
    except FileNotFoundError:
        shutil.rmtree(plan.parent, ignore_errors=True)
        return False
    except OSError as error:
        raise _refused(folder, error) from None
    try:
        _walk(folder, told["names"], folder / REPLACED / told["label"])
        plan.unlink()
        _sync_folder(plan.parent)
        shutil.rmtree(plan.parent)
        _sync_folder(folder)
    except OSError as error:
        raise _refused(folder, error) from None
    return True


def _walk(folder: Path, names: Sequence[str], kept: Path) -> None:
    new = folder / STAGING / _NEW
    for each in (kept.parent, kept):
        each.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    # The ledger is taken into use first: while it waits none of the old files has been replaced.
    if LEDGER not in names or (new / LEDGER).exists():
        for name in (LEDGER, *_LOGS) if LEDGER in names else ():
            _move(folder / name, kept / name)
        for name in names:
            if (new / name).exists():
                _keep(folder / name, kept / name)
        _sync_folder(kept)
        _sync_folder(kept.parent)
        _sync_folder(folder)
    for name in sorted(names, key=lambda name: name != LEDGER):
        if (new / name).exists():
            (new / name).replace(folder / name)
    _sync_folder(folder)


def _keep(live: Path, kept: Path) -> None:
    """Move a folder away; keep a file under a second name, so that it is never missing from its own."""
    if live.is_dir():
        _move(live, kept)
    elif live.exists() and not kept.exists():
        os.link(live, kept)


def _move(live: Path, kept: Path) -> None:
    if live.exists() and not kept.exists():
        live.rename(kept)


def _make_durable(path: Path) -> None:
    """Sync a file, or a folder with all that is in it."""
    if path.is_dir():
        for each in path.iterdir():
            _make_durable(each)
        _sync_folder(path)
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(folder: Path, error: OSError) -> BackupError:
    return BackupError(f"The restore into {folder} cannot be written: {error.strerror}; make room and do it again.")
