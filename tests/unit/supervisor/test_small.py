"""Capital, cool-down, audit, journal, lines."""

from __future__ import annotations

import json
import stat
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.domain.errors import ConfigError, TryAgain, UnknownInstance
from investbot.domain.states import InstanceState
from investbot.supervisor import lines
from investbot.supervisor.audit import AuditLog, Entry
from investbot.supervisor.capital import allocate
from investbot.supervisor.cooldown import Cooldown
from investbot.supervisor.journal import Journal, Remembered
from investbot.supervisor.lifecycle import Life


def test_allocations_up_to_the_last_digit_fit() -> None:
    others = {"a": Decimal(60), "b": Decimal("39.99")}
    assert allocate("c", Decimal("0.01"), others, Decimal(100))["c"] == Decimal("0.01")
    with pytest.raises(ConfigError, match=r"0\.01 of it is free"):
        allocate("c", Decimal("0.02"), others, Decimal(100))


def test_an_allocation_replaces_the_former_one() -> None:
    assert allocate("a", Decimal(100), {"a": Decimal(60)}, Decimal(100)) == {"a": Decimal(100)}


def test_without_a_cap_anything_fits_but_nothing() -> None:
    assert allocate("a", Decimal(10**9), {"b": Decimal(5)}, None)["b"] == Decimal(5)
    with pytest.raises(ConfigError, match="above zero"):
        allocate("a", Decimal(0), {}, None)


def test_an_overdrawn_fleet_has_nothing_free() -> None:
    with pytest.raises(ConfigError, match="and 0 of it is free"):
        allocate("a", Decimal(1), {"b": Decimal(200)}, Decimal(100))


def test_the_cool_down_is_per_verb_and_instance() -> None:
    cooldown = Cooldown(5.0)
    cooldown.take("flatten", "alpha", 100.0)
    cooldown.take("flatten", "beta", 101.0)
    cooldown.take("close", "alpha", 101.0)
    with pytest.raises(TryAgain, match=r"flatten of alpha was asked for just now; it can be asked for again in 1\.0 s"):
        cooldown.take("flatten", "alpha", 104.0)
    cooldown.take("flatten", "alpha", 105.0)
    with pytest.raises(TryAgain):
        cooldown.take("flatten", "alpha", 109.9)


def entry(at: int, verb: str = "stop", **more: object) -> Entry:
    return Entry(at, "me", 7, verb, ("alpha",), **more)  # type: ignore[arg-type]


def test_the_audit_is_private_and_only_grows(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = AuditLog(path)
    assert audit.read() == []
    audit.append(entry(1000, outcome="No.", exit_code=75))
    first = path.read_bytes()
    AuditLog(path).append(entry(1000, outcome="No.", exit_code=75))
    assert path.read_bytes().startswith(first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(audit.read()) == 2
    assert audit.read()[0] == {
        "at": "1970-01-01T00:00:01Z",
        "who": "me",
        "pid": 7,
        "verb": "stop",
        "names": ["alpha"],
        "args": {},
        "outcome": "No.",
        "exit_code": 75,
    }


def test_looks_alike_are_counted_for_a_minute(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    for at in (0, 1000, 59_999):
        audit.append(entry(at, "status"))
    audit.append(entry(2000, "status", exit_code=66))
    assert len(audit.read()) == 2
    audit.append(entry(60_000, "status"))
    assert audit.read()[-1]["repeated"] == 2
    audit.append(entry(400_000, "status"))
    assert "repeated" not in audit.read()[-1]


def test_the_audit_is_read_from_a_moment_on_and_survives_a_torn_line(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    audit.append(entry(1000))
    audit.append(entry(2000))
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"at": "197')
    assert [line["at"] for line in audit.read(2000)] == ["1970-01-01T00:00:02Z"]


def test_threads_do_not_tear_the_audit(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    threads = [threading.Thread(target=audit.append, args=(entry(n),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(audit.read()) == 20


def test_the_journal_gives_back_what_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "supervisor.json")
    assert journal.read() == {}
    life = Life(state=InstanceState.BACKOFF, failures=(90.0, 95.0), attempts=2, restarts=7, exit_code=1, error="No.")
    remembered = Remembered(restore=True).after(life, 100.0, pid=None, start_time=None)
    journal.write({"alpha": remembered})
    assert journal.read() == {"alpha": remembered}
    assert remembered.failure_ages_s == (10.0, 5.0)
    assert remembered.restore
    again = remembered.life(1000.0)
    assert (again.state, again.failures, again.attempts, again.restarts) == (
        InstanceState.BACKOFF,
        (990.0, 995.0),
        2,
        7,
    )
    assert stat.S_IMODE((tmp_path / "supervisor.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("state", "wanted", "after"),
    [
        ("RUNNING", True, InstanceState.BACKOFF),
        ("STOPPING", False, InstanceState.STOPPED),
        ("FATAL", False, InstanceState.FATAL),
        ("EXITED", False, InstanceState.EXITED),
        ("STOPPED", False, InstanceState.STOPPED),
    ],
)
def test_a_remembered_life_has_no_process(state: str, wanted: bool, after: InstanceState) -> None:
    assert Remembered(state=state, wanted=wanted).life(0.0).state is after


@pytest.mark.parametrize("body", ["", "[]", '{"instances": {"a": {"state": 1}}}', '{"instances": {"a": 5}}', "{}"])
def test_a_journal_that_is_not_ours_is_put_aside(tmp_path: Path, body: str) -> None:
    path = tmp_path / "supervisor.json"
    path.write_text(body)
    assert Journal(path).read() == {}
    assert (tmp_path / "supervisor.unreadable").read_text() == body
    assert not path.exists()


def test_a_journal_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "supervisor.json")
    journal.write({})
    before = (tmp_path / "supervisor.json").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        journal.write({"alpha": Remembered()})
    assert (tmp_path / "supervisor.json").read_bytes() == before
    assert json.loads(before)["version"] == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "supervisor.json"]


async def test_each_name_gets_its_line_once() -> None:
    async def work(name: str) -> lines.Line:
        if name == "bad":
            raise UnknownInstance("No.")
        return lines.good(name, "yes", state="RUNNING")

    result = await lines.each(["a", "bad", "a"], work)
    assert [line["name"] for line in result] == ["a", "bad"]
    assert lines.worst(result) == (66, "No.")
    assert lines.worst({"lines": result}) == (66, "No.")
    assert lines.worst([]) == (0, "ok")
    assert lines.worst("text") == (0, "ok")
    assert lines.worst([{"name": "a", "ok": True}]) == (0, "ok")


@pytest.mark.parametrize(("code", "mine"), [(78, 78), (75, 75), (1, 70), (-9, 70), (None, 70), (70, 70)])
def test_exit_codes_of_processes_become_ours(code: int | None, mine: int) -> None:
    assert lines.exit_of(code) == mine
