"""Settings that are changed under a fleet that runs: taken in at once, kept through a crash, told in the ledger."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli import Shell, market

pytestmark = pytest.mark.slow


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path, here=True)
    made.ok("init")
    (tmp_path / "steady.toml").write_text(market(speed=25), encoding="utf-8")
    made.ok("create", "alpha", "--profile", "steady.toml", "--capital", "500")
    made.is_here = False
    made.ok("up", "--detach")
    made.is_here = True
    yield made
    made("down", "--yes")


def until(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not come true in time.")


def effects(told: Any) -> dict[str, str]:
    return {each["key"]: each["takes_effect"] for each in told["changes"]}


def applied(shell: Shell) -> list[dict[str, Any]]:
    return [row for row in shell.told("events", "alpha") if row["kind"] == "SettingsApplied"]


def test_a_change_is_taken_in_at_once_and_outlives_a_crash(shell: Shell) -> None:
    shell.ok("start", "alpha")
    until(lambda: shell.row("alpha")["last_candle_at"])
    values = ("risk.max_entries_per_day=40", "market.confirm_timeframe=15m")
    told = shell.told("config", "set", "alpha", *values)
    assert effects(told) == {"risk.max_entries_per_day": "now", "market.confirm_timeframe": "next start"}
    (first,) = applied(shell)
    assert (first["version"], first["applied"]) == (2, ["risk.max_entries_per_day: 50 -> 40"])
    row = until(lambda: (found := shell.row("alpha"))["config_version"] == 2 and found)
    assert row["settings_waiting"] == ['market.confirm_timeframe: unset -> "15m"']
    said = shell.ok("config", "set", "alpha", "exits.max_age=24h").out
    assert 'exits.max_age: "2d" -> "1d": applied now' in said

    pid = shell.row("alpha")["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: (found := shell.row("alpha"))["state"] == "RUNNING" and found["pid"] not in {None, pid})
    row = until(lambda: not (found := shell.row("alpha"))["settings_waiting"] and found["config_version"] and found)
    assert row["config_version"] == 3
    assert [each["version"] for each in applied(shell)] == [2, 3, 3]
    trips = until(lambda: [trip for trip in shell.told("trips", "alpha") if trip["config_version"] == 3])
    assert trips[-1]["config_version"] == 3
    versions = [trip["config_version"] for trip in shell.told("trips", "alpha")]
    assert versions == sorted(versions)

    assert effects(shell.told("config", "rollback", "alpha", "1")) == {
        "exits.max_age": "now",
        "market.confirm_timeframe": "next start",
        "risk.max_entries_per_day": "now",
    }
    rows = shell.told("config", "history", "alpha")
    assert [(each["version"], each["in_force"]) for each in rows] == [(1, False), (2, False), (3, False), (4, True)]
    assert rows[2]["changes"] == ['exits.max_age: "2d" -> "1d"']
    assert {"config set", "configure", "config rollback"} <= {each["verb"] for each in shell.told("audit")}


def test_an_edit_by_hand_is_applied_when_asked_for(shell: Shell) -> None:
    shell.ok("start", "alpha")
    until(lambda: shell.row("alpha")["last_candle_at"])
    file = shell.home / "instances/alpha/instance.toml"
    file.write_text(file.read_text("utf-8").replace("max_entries_per_day = 50", "max_entries_per_day = 41"), "utf-8")
    assert effects(shell.told("config", "apply", "alpha")) == {"risk.max_entries_per_day": "now"}
    assert shell.told("config", "history", "alpha")[-1]["by"] == "hand"
    assert applied(shell)[0]["version"] == 2
    shell.ok("capital", "alpha", "600")
    assert [(each["version"], each["applied"]) for each in applied(shell)][1:] == [(3, [])]
    file.write_text("half", "utf-8")
    refused = shell("config", "apply", "alpha")
    assert (refused.code, refused.err.count("\n")) == (78, 1)


def test_an_instance_that_does_not_run_takes_everything_in_at_its_start(shell: Shell) -> None:
    told = shell.told("config", "set", "alpha", "risk.max_entries_per_day=40")
    assert effects(told) == {"risk.max_entries_per_day": "next start"}
    assert "`investbot start alpha`" in shell.ok("config", "set", "alpha", "risk.kelly_trips=31").out
    shell.ok("start", "alpha")
    until(lambda: shell.row("alpha")["last_candle_at"])
    (first,) = until(lambda: applied(shell))
    assert (first["version"], first["seq"]) == (3, 2)


def test_the_doctor_asks_no_passphrase_while_a_supervisor_answers(shell: Shell) -> None:
    nobody = {"INVESTBOT_PASSPHRASE_FILE": str(shell.folder / "nowhere")}
    found = {each["check"]: each for each in shell("doctor", "--json", more=nobody).json}
    assert {found[name]["level"] for name in ("ledgers", "orphans")} == {"ok"}
    assert found["ledgers"]["what"] == "1 are whole and agree with their events"
    assert {"memory", "swap", "units", "clock"} <= found.keys()
    (shell.home / "instances/alpha/ledger.db").write_bytes(b"x" * 8192)
    result = shell("doctor", "--json", more=nobody)
    broken = next(each for each in result.json if each["check"] == "ledgers")
    assert (result.code, broken["level"], broken["fix"]) == (1, "error", "investbot stop alpha")
