from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from investbot.config import versions
from investbot.config.instance import INSTANCE_FILE, load_instance, set_values, with_capital
from investbot.config.versions import Change, diff, history, load_version, rollback, save
from investbot.domain.errors import ConfigError, TryAgain
from tests.unit.config.builders import NOON, instance, write

D = Decimal


def change(folder: Path, *assignments: str) -> None:
    config = set_values(load_instance(folder), assignments)
    save(folder, config, NOON + 1000, "uid 1000", f"config set {' '.join(assignments)}")


def test_the_first_version_is_in_force(tmp_path: Path) -> None:
    saved = save(tmp_path, instance(), NOON, "uid 1000", "create")
    assert saved == instance()
    assert load_instance(tmp_path) == load_version(tmp_path, 1) == saved
    (version,) = history(tmp_path)
    assert (version.number, version.at, version.by, version.why) == (1, NOON, "uid 1000", "create")
    assert version.intact
    for path in (tmp_path / INSTANCE_FILE, tmp_path / "versions" / "0001.toml"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "versions").stat().st_mode & 0o777 == 0o700


def test_every_change_is_a_version(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "uid 1000", "create")
    change(tmp_path, "risk.max_open_positions=2")
    change(tmp_path, "risk.max_open_positions=3")
    assert [version.number for version in history(tmp_path)] == [1, 2, 3]
    assert history(tmp_path)[1].why == "config set risk.max_open_positions=2"
    assert load_instance(tmp_path).version == 3
    assert [load_version(tmp_path, number).risk.max_open_positions for number in (1, 2, 3)] == [1, 2, 3]
    assert len({version.digest for version in history(tmp_path)}) == 3


def test_a_rollback_is_a_new_version_with_the_same_content_and_todays_capital(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    change(tmp_path, "risk.max_open_positions=2")
    back = rollback(tmp_path, 1, NOON + 2000, "b")
    assert (back.version, back.risk.max_open_positions) == (3, 1)
    first, _, third = history(tmp_path)
    assert third.digest == first.digest
    assert third.why == "rollback to version 1"
    save(tmp_path, with_capital(back, D(900)), NOON, "a", "capital 900")
    assert rollback(tmp_path, 2, NOON, "b").capital == 900


def test_a_rollback_repairs_a_file_that_was_spoilt(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    change(tmp_path, "risk.max_open_positions=2")
    write(tmp_path, INSTANCE_FILE, "spoilt")
    assert rollback(tmp_path, 1, NOON, "b").version == 3
    assert load_instance(tmp_path).risk.max_open_positions == 1
    write(tmp_path, INSTANCE_FILE, "spoilt")
    for path in (tmp_path / "versions").iterdir():
        path.write_text("spoilt", encoding="utf-8")
    with pytest.raises(ConfigError, match="not TOML"):
        save(tmp_path, instance(), NOON, "b", "x")


def test_there_is_no_way_back_to_what_was_tampered_with(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    change(tmp_path, "risk.max_open_positions=2")
    first = tmp_path / "versions" / "0001.toml"
    first.write_text(first.read_text(encoding="utf-8").replace("max_entries_per_day = 20", "max_entries_per_day = 99"))
    assert [version.intact for version in history(tmp_path)] == [False, True]
    with pytest.raises(ConfigError, match="not what was written"):
        rollback(tmp_path, 1, NOON, "b")
    assert load_instance(tmp_path).version == 2


def test_a_version_under_another_number_or_without_its_head_is_not_intact(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    first = tmp_path / "versions" / "0001.toml"
    write(tmp_path, "versions/0002.toml", first.read_text(encoding="utf-8"))
    write(tmp_path, "versions/0003.toml", "capital = 3\n")
    write(tmp_path, "versions/notes.toml", "")
    assert [(version.number, version.intact) for version in history(tmp_path)] == [(1, True), (2, False), (3, False)]


def test_a_version_that_never_was_is_told(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    with pytest.raises(ConfigError, match="no version 7; `investbot config history NAME`"):
        load_version(tmp_path, 7)
    assert history(tmp_path / "nowhere") == []


def test_who_and_why_stay_in_their_lines(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "mallory\n# sha256 0", "x\n[risk]\nallow_wide = true")
    (version,) = history(tmp_path)
    assert version.intact
    assert (version.by, version.why) == ("mallory # sha256 0", "x [risk] allow_wide = true")
    assert not load_instance(tmp_path).risk.allow_wide


def test_two_changes_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    seen = load_instance(tmp_path)
    change(tmp_path, "risk.max_open_positions=2")
    with pytest.raises(TryAgain, match="Somebody else changed alpha"):
        save(tmp_path, set_values(seen, ["risk.max_entries_per_day=9"]), NOON, "b", "late")
    assert load_instance(tmp_path).risk.max_open_positions == 2


def test_a_race_for_one_number_has_one_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    before = (tmp_path / INSTANCE_FILE).read_bytes()
    monkeypatch.setattr(versions, "_numbers", lambda folder: [])
    with pytest.raises(TryAgain):
        save(tmp_path, load_instance(tmp_path), NOON, "b", "late")
    assert (tmp_path / INSTANCE_FILE).read_bytes() == before


def test_a_crash_between_the_two_files_leaves_the_old_version_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, instance(), NOON, "a", "create")

    def crash(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(versions, "write_private", crash)
        with pytest.raises(OSError, match="No space"):
            save(tmp_path, load_instance(tmp_path), NOON, "a", "lost")
    assert load_instance(tmp_path).version == 1
    change(tmp_path, "risk.max_open_positions=2")
    assert load_instance(tmp_path).version == 3
    assert sorted(path.name for path in (tmp_path / "versions").iterdir()) == ["0001.toml", "0002.toml", "0003.toml"]


def test_differences_are_told_key_by_key() -> None:
    before = instance(venue={"ccxt": {"a": {"b": 1}}})
    after = set_values(before, ["risk.max_open_positions=2", "market.confirm_timeframe=15m", "venue.ccxt.a.b=2"])
    assert sorted(diff(before, after), key=lambda each: each.key) == [
        Change("market.confirm_timeframe", None, '"15m"'),
        Change("risk.max_open_positions", "1", "2"),
        Change("venue.ccxt.a.b", "1", "2"),
    ]
    assert Change("market.confirm_timeframe", '"15m"', None) in diff(after, before)
    assert diff(before, before) == []
