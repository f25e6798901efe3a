"""A lock whose file was removed or replaced keeps nobody out any more, and its holder knows."""

from __future__ import annotations

import os
from pathlib import Path

from investbot.instance.lock import InstanceLock


def test_a_lock_is_held_while_its_file_is_the_one_in_place(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with InstanceLock(path, "alpha") as lock:
        assert lock.still_held()
        path.rename(tmp_path / "elsewhere")
        assert not lock.still_held()
        with InstanceLock(path, "alpha") as other:
            assert (lock.still_held(), other.still_held()) == (False, True)
        path.unlink()
        (tmp_path / "elsewhere").rename(path)
        assert lock.still_held()
    assert not lock.still_held()


def test_a_renewed_lock_shows_that_its_holder_lives(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with InstanceLock(path, "alpha") as lock:
        os.utime(path, (1, 1))
        assert lock.still_held()
        assert path.stat().st_mtime == 1
        assert lock.renew()
        assert path.stat().st_mtime > 1
        path.unlink()
        assert not lock.renew()
    assert not lock.renew()
