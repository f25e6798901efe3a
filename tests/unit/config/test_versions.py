from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from investbot.config import versions
from investbot.config.instance import INSTANCE_FILE, InstanceConfig, load_instance, set_values, with_capital
from investbot.config.version_files import text_of
from investbot.config.versions import Change, changes, diff, history, load_version, rollback, save
from investbot.domain.errors import ConfigError, TryAgain
from tests.unit.config.builders import NOON, instance, profile, write

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


def test_one_recipe_has_one_hash_whoever_s_it_is(tmp_path: Path) -> None:
    first = save(tmp_path, instance(venue={"ccxt": {"a": 0.0000001}}), NOON, "a", "create")
    change(tmp_path, "risk.max_open_positions=2")
    rollback(tmp_path, 1, NOON, "b")
    told = [versions.stored_recipe_digest(tmp_path, number) for number in (1, 2, 3)]
    assert told[0] == told[2] != told[1]
    assert versions.recipe_digest(first) == told[0]
    assert versions.recipe_digest(profile(venue={"ccxt": {"a": 0.0000001}})) == told[0]
    assert versions.recipe_digest(with_capital(first, D(9))) == told[0]


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


def test_changes_that_come_at_once_follow_one_another(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    keys = ("max_open_positions", "max_entries_per_hour", "max_entries_per_day", "kelly_trips")

    def one(key: str) -> None:
        for number in range(2, 7):
            values = [f"risk.{key}={number}"]
            versions.change(tmp_path, partial(set_values, assignments=values), NOON, key, "x")

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(one, keys))
    config = load_instance(tmp_path)
    assert config.version == 21
    assert [getattr(config.risk, key) for key in keys] == [6, 6, 6, 6]
    told = history(tmp_path)
    assert [each.number for each in told] == list(range(1, 22))
    assert all(each.intact for each in told)
    assert all(len(changes(tmp_path, number, number + 1)) == 1 for number in range(1, 21))


SETTER = """
import sys
from pathlib import Path
from investbot.config.instance import set_values
from investbot.config.versions import change
folder = Path(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    number += 1
    saved = change(folder, lambda config: set_values(config, [f"risk.kelly_trips={number}"]), 1, "me", "x")
    print(saved.version, flush=True)
"""


def test_a_kill_loses_no_version_that_was_acknowledged(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    chance = random.Random(6)
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", SETTER, str(tmp_path)], stdout=subprocess.PIPE) as setter:
            assert setter.stdout is not None
            told = [setter.stdout.readline(), setter.stdout.readline()]
            time.sleep(chance.uniform(0, 0.05))
            setter.send_signal(signal.SIGKILL)
            told += setter.stdout.readlines()
        acknowledged = int([line for line in told if line.endswith(b"\n")][-1])
        found = history(tmp_path)
        assert all(each.intact for each in found)
        assert [each.number for each in found] == list(range(1, len(found) + 1))
        assert acknowledged <= load_instance(tmp_path).version <= len(found)
    change(tmp_path, "risk.max_open_positions=2")
    assert load_instance(tmp_path).version == len(found) + 1
    assert all(path.name[0] != "." for folder in (tmp_path, tmp_path / "versions") for path in folder.iterdir())


def test_what_was_edited_by_hand_becomes_a_version_of_its_own(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    file = tmp_path / INSTANCE_FILE
    write(
        tmp_path, INSTANCE_FILE, file.read_text("utf-8").replace("max_entries_per_day = 20", "max_entries_per_day = 9")
    )
    versions.change(tmp_path, lambda config: set_values(config, ["risk.max_open_positions=2"]), NOON + 5, "b", "set")
    _, second, third = history(tmp_path)
    assert (second.by, second.why, second.at) == ("hand", "instance.toml was edited by hand", NOON + 5)
    assert (third.by, third.number) == ("b", 3)
    assert list(map(str, changes(tmp_path, 1, 2))) == ["risk.max_entries_per_day: 20 -> 9"]
    assert list(map(str, changes(tmp_path, 2, 3))) == ["risk.max_open_positions: 1 -> 2"]
    assert versions.record_edits(tmp_path, NOON).version == 3
    write(tmp_path, INSTANCE_FILE, file.read_text("utf-8").replace("kelly_trips = 30", "kelly_trips = 31"))
    assert versions.record_edits(tmp_path, NOON).version == 4
    assert len(history(tmp_path)) == 4


def test_a_change_of_what_cannot_be_read_is_refused_and_a_rollback_keeps_it(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    write(tmp_path, INSTANCE_FILE, "half a thou")
    with pytest.raises(ConfigError, match="not TOML"):
        versions.change(tmp_path, lambda config: config, NOON, "b", "x")
    assert len(history(tmp_path)) == 1
    rollback(tmp_path, 1, NOON, "b")
    assert (tmp_path / versions.SPOILT).read_text("utf-8") == "half a thou"
    (tmp_path / INSTANCE_FILE).unlink()
    assert rollback(tmp_path, 1, NOON, "b").version == 3


def test_a_rollback_that_would_not_run_is_refused(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")

    def refuse(config: InstanceConfig) -> None:
        raise ConfigError(f"{config.name} would not run.")

    with pytest.raises(ConfigError, match="alpha would not run"):
        rollback(tmp_path, 1, NOON, "b", refuse)
    assert len(history(tmp_path)) == 1


@pytest.mark.parametrize("offset", range(0, 420, 7))
def test_a_flipped_byte_is_noticed_wherever_it_is(tmp_path: Path, offset: int) -> None:
    save(tmp_path, instance(), NOON, "ana", "because it is so")
    first = tmp_path / "versions" / "0001.toml"
    body = bytearray(first.read_bytes())
    body[offset] ^= 1
    first.write_bytes(body)
    (version,) = history(tmp_path)
    assert not version.intact
    with pytest.raises(ConfigError, match="not what was written"):
        load_version(tmp_path, 1)
    change(tmp_path, "risk.max_open_positions=2")
    assert load_instance(tmp_path).version == 2


def test_a_version_that_cannot_even_be_read_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    (tmp_path / "versions" / "0002.toml").mkdir()
    write(
        tmp_path, "versions/0003.toml", "# InvestBot, version 3\n# at yesterday\n# by a\n# why b\n# sha256 " + "0" * 64
    )
    change(tmp_path, "risk.max_open_positions=2")
    assert [(each.number, each.intact) for each in history(tmp_path)] == [(1, True), (2, False), (3, False), (4, True)]


def test_a_version_of_a_program_without_seals_is_read(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    for file in (tmp_path / "versions" / "0001.toml", tmp_path / INSTANCE_FILE):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith("# seal")), encoding="utf-8")
    assert history(tmp_path)[0].intact
    assert versions.record_edits(tmp_path, NOON).version == 1


def test_versions_of_another_program_can_be_compared(tmp_path: Path) -> None:
    save(tmp_path, instance(), NOON, "a", "create")
    body = (tmp_path / "versions" / "0001.toml").read_text("utf-8").split("\n", 6)[6] + "\n[gone]\nkey = 3\n"
    write(tmp_path, "versions/0002.toml", text_of(body, 2, NOON, "a", "b"))
    write(tmp_path, "versions/0003.toml", text_of("not toml", 3, NOON, "a", "b"))
    assert changes(tmp_path, 1, 2) == [Change("gone.key", None, "3")]
    with pytest.raises(ConfigError, match="not TOML"):
        changes(tmp_path, 1, 3)
    with pytest.raises(ConfigError, match="gone"):
        load_version(tmp_path, 2)


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


def test_a_full_disk_leaves_what_was_in_force(small_disk: Path) -> None:
    folder = small_disk / "alpha"
    folder.mkdir()
    save(folder, instance(), NOON, "a", "create")
    stuff = small_disk / "stuff"
    with stuff.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    with pytest.raises(OSError, match="No space left"):
        change(folder, "risk.max_open_positions=2")
    assert load_instance(folder).version == 1
    stuff.unlink()
    change(folder, "risk.max_open_positions=2")
    assert load_instance(folder).risk.max_open_positions == 2
    assert all(each.intact for each in history(folder))
    assert all(path.name[0] != "." for place in (folder, folder / "versions") for path in place.iterdir())


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
