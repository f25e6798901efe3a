"""A lock whose file was removed or replaced keeps nobody out any more, and its holder knows."""

from __future__ import annotations

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
