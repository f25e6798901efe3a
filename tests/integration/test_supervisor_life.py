"""Start, stop, crash, hang and restart of real processes under a supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from investbot.adapters.clock import SystemClock
from investbot.domain.errors import ConfigError, DataError, TryAgain, UsageError
from investbot.domain.market import DAY, Millis
from investbot.supervisor.companions import Companion
from tests.integration.supervision import (
    KEY,
    Call,
    FolderOutside,
    alive,
    eventually,
    make_home,
    make_instance,
    pids,
    state,
    supervising,
    until,
)


@pytest.fixture
def home(tmp_path: Path, blockbuster: BlockBuster) -> Path:
    return make_home(tmp_path / "home")


async def test_start_status_stop(home: Path) -> None:
    make_instance(home, "alpha")
    async with supervising(home) as (_, call):
        (line,) = await call("start", names=["alpha"])
        assert line == {"name": "alpha", "ok": True, "exit_code": 0, "message": "running", "state": "RUNNING"}
        row = await state(call, "alpha")
        assert row["state"] == "RUNNING"
        assert row["pid"] == pids(home, "alpha")[0]
        assert row["heartbeat_age_s"] < 30
        assert row["rss_mb"] > 1
        (line,) = await call("start", names=["alpha"])
        assert line["ok"]
        assert line["message"] == "already running"
        (line,) = await call("stop", names=["alpha"])
        assert line["ok"]
        assert line["state"] == "STOPPED"
        assert not alive(pids(home, "alpha")[0])
        row = await state(call, "alpha")
        assert (row["state"], row["pid"], row["heartbeat_age_s"]) == ("STOPPED", None, None)
    assert len(pids(home, "alpha")) == 1


async def test_the_key_comes_on_a_pipe_and_the_environment_is_clean(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVESTBOT_CANARY_SECRET", "canary-of-the-environment")
    make_instance(home, "alpha")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        pid = pids(home, "alpha")[0]
        assert os.getsid(pid) == pid
    seen = json.loads((home / "instances" / "alpha" / "seen").read_text())
    assert seen["key"] == KEY.hex()
    assert KEY.hex() not in json.dumps(seen["argv"])
    assert "canary-of-the-environment" not in json.dumps(seen["env"])


@pytest.mark.scenarios
async def test_kill_9_is_backoff_and_then_it_runs_again(home: Path) -> None:
    make_instance(home, "alpha")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        os.kill(pids(home, "alpha")[0], signal.SIGKILL)
        await until(call, "alpha", "RUNNING")
        await eventually(lambda: len(pids(home, "alpha")) == 2)
        row = await until(call, "alpha", "RUNNING")
        assert row["restarts"] == 1
        assert not alive(pids(home, "alpha")[0])


@pytest.mark.scenarios
async def test_a_crash_loop_is_parked_with_the_reason_and_stays_so(home: Path) -> None:
    make_instance(home, "alpha", {"exit": 70, "after_s": 0.1, "message": "Its invariant broke."})
    async with supervising(home) as (_, call):
        row = await until_parked(call)
        assert "Parked after 3 failures" in row["error"]
        assert "Its invariant broke." in row["error"]
        assert len(pids(home, "alpha")) == 3
    async with supervising(home, restore=True) as (_, call):
        row = await state(call, "alpha")
        assert row["state"] == "FATAL"
        assert "Its invariant broke." in row["error"]
        assert len(pids(home, "alpha")) == 3


async def until_parked(call: Call) -> dict[str, Any]:
    await call("start", names=["alpha"])
    return await until(call, "alpha", "FATAL")


@pytest.mark.scenarios
@pytest.mark.parametrize("code", [77, 78])
async def test_what_only_an_operator_can_cure_parks_at_once(home: Path, code: int) -> None:
    make_instance(home, "alpha", {"exit": code, "message": "The profile is wrong; edit it.", "silent": True})
    async with supervising(home) as (_, call):
        (line,) = await call("start", names=["alpha"])
        assert (line["ok"], line["exit_code"], line["state"]) == (False, code, "FATAL")
        assert line["message"] == "The profile is wrong; edit it."
        await asyncio.sleep(0.5)
        assert len(pids(home, "alpha")) == 1


async def test_short_work_is_exited_with_success(home: Path) -> None:
    make_instance(home, "alpha", {"exit": 0})
    async with supervising(home) as (_, call):
        (line,) = await call("start", names=["alpha"])
        assert (line["ok"], line["state"]) == (True, "EXITED")
        await asyncio.sleep(0.3)
        row = await state(call, "alpha")
        assert (row["state"], row["error"], len(pids(home, "alpha"))) == ("EXITED", None, 1)


async def test_a_crash_without_a_word_tells_the_last_line_of_stderr(home: Path) -> None:
    folder = make_instance(home, "alpha")
    (folder / "behave.json").write_text("not json")
    async with supervising(home) as (_, call):
        (line,) = await call("start", names=["alpha"])
        assert not line["ok"]
        assert line["exit_code"] == 70
        assert "JSONDecodeError" in line["message"]


@pytest.mark.scenarios
async def test_a_hung_loop_is_aborted_and_started_anew(home: Path) -> None:
    make_instance(home, "alpha", {"hang_after_s": 0.3, "times": 1})
    make_instance(home, "beta")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha", "beta"])
        os.kill(pids(home, "beta")[0], signal.SIGSTOP)  # not even SIGABRT reaches it
        for name in ("alpha", "beta"):
            await eventually(partial(started_anew, home, name))
            row = await until(call, name, "RUNNING")
            assert row["restarts"] == 1
            assert not alive(pids(home, name)[0])


def started_anew(home: Path, name: str) -> bool:
    return len(pids(home, name)) == 2


@pytest.mark.scenarios
async def test_no_room_for_a_process_is_waited_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_instance(home, "alpha")
    tried: list[int] = []

    def refused(*_: Any, **__: Any) -> Any:
        tried.append(1)
        if len(tried) == 5:
            monkeypatch.undo()
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("investbot.supervisor.spawn.subprocess.Popen", refused)
    async with supervising(home) as (_, call):
        (line,) = await call("start", names=["alpha"])
        assert (line["exit_code"], line["state"]) == (75, "BACKOFF")
        assert "free some memory" in line["message"]
        row = await until(call, "alpha", "RUNNING")  # five refusals are more than the three failures that park
        assert (row["restarts"], len(tried)) == (5, 5)


class JumpingClock(SystemClock):
    """Wall time that somebody sets."""

    jump_ms = 0

    def now(self) -> Millis:
        return super().now() + self.jump_ms


@pytest.mark.scenarios
async def test_a_wall_clock_that_jumps_changes_nothing(home: Path) -> None:
    make_instance(home, "alpha")
    make_instance(home, "beta", {"exit": 70, "after_s": 0.2, "times": 1})
    clock = JumpingClock()
    async with supervising(home, clock=clock) as (_, call):
        await call("start", names=["alpha", "beta"])
        for days in (1, -400):
            clock.jump_ms += days * DAY
            await asyncio.sleep(1.2)
            row = await state(call, "alpha")
            assert (row["state"], row["restarts"]) == ("RUNNING", 0)
            assert 0 <= row["heartbeat_age_s"] < 30
            assert row["uptime_s"] < 60
        assert (await until(call, "beta", "RUNNING"))["restarts"] == 1


@pytest.mark.scenarios
async def test_sigterm_ignored_is_killed_after_the_time(home: Path) -> None:
    make_instance(home, "alpha", {"deaf": True})
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        (line,) = await call("stop", names=["alpha"])
        assert line["ok"]
        assert "exit code -9" in line["message"]
        assert not alive(pids(home, "alpha")[0])
        await asyncio.sleep(0.5)
        assert (await state(call, "alpha"))["state"] == "STOPPED"
        assert len(pids(home, "alpha")) == 1


async def test_a_stop_in_backoff_is_never_undone(home: Path) -> None:
    make_instance(home, "alpha", {"exit": 1, "silent": True}, restart={"backoff_s": 0.3, "limit": 50})
    async with supervising(home) as (_, call):
        (line,) = await call("start", names=["alpha"])
        assert line["state"] == "BACKOFF"
        (line,) = await call("stop", names=["alpha"])
        assert line["state"] == "STOPPED"
        before = len(pids(home, "alpha"))
        await asyncio.sleep(1)
        assert len(pids(home, "alpha")) == before


async def test_restart_gives_a_new_process(home: Path) -> None:
    make_instance(home, "alpha")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        (line,) = await call("restart", names=["alpha"])
        assert line["state"] == "RUNNING"
        first, second = pids(home, "alpha")
        assert alive(second)
        assert not alive(first)
        await call("stop", names=["alpha"])
        (line,) = await call("restart", names=["alpha"])
        assert line["state"] == "RUNNING"


async def test_several_names_get_a_line_each(home: Path) -> None:
    make_instance(home, "alpha")
    make_instance(home, "beta", {"exit": 78, "message": "Edit it.", "silent": True})
    make_instance(home, "gamma", broken="The file is wrong.")
    async with supervising(home) as (_, call):
        lines = await call("start", names=["alpha", "nobody", "beta", "gamma"])
        assert [(line["name"], line["exit_code"]) for line in lines] == [
            ("alpha", 0),
            ("nobody", 66),
            ("beta", 78),
            ("gamma", 78),
        ]
        assert (await state(call, "gamma"))["state"] == "STOPPED"
        with pytest.raises(UsageError, match="Say which"):
            await call("start")
        assert [row["name"] for row in await call("status")] == ["alpha", "beta", "gamma"]


async def test_capital_that_is_not_there_is_refused(home: Path) -> None:
    make_instance(home, "alpha", capital="60")
    make_instance(home, "beta", capital="60")
    (home / "fleet.json").write_text('"100"')
    async with supervising(home) as (_, call):
        lines = await call("start", all=True)
        assert sorted(line["exit_code"] for line in lines) == [0, 78]
        with pytest.raises(ConfigError, match="40 of it is free"):
            await call("allocate", name="alpha", amount="50")
        assert (await call("allocate", name="alpha", amount="40"))["ok"]
        assert all(line["ok"] for line in await call("start", all=True))


async def test_real_money_asks_first_and_is_remembered(home: Path) -> None:
    make_instance(home, "alpha", live=True)
    async with supervising(home) as (_, call):
        (line,) = await call("start", names=["alpha"])
        assert line["exit_code"] == 64
        assert "--yes" in line["message"]
        (line,) = await call("start", names=["alpha"], yes=True)
        assert line["ok"]  # a refused start is none that would have to cool down
        await call("stop", names=["alpha"])
        await asyncio.sleep(0.25)
        assert (await call("start", names=["alpha"]))[0]["ok"]


async def test_another_version_of_real_money_asks_again_even_to_restart(home: Path) -> None:
    make_instance(home, "alpha", live=True)
    outside = FolderOutside(home)
    async with supervising(home, outside=outside) as (_, call):
        assert (await call("start", names=["alpha"], yes=True))[0]["ok"]
        assert (await call("restart", names=["alpha"]))[0]["ok"]
        outside.confirmed.clear()
        (line,) = await call("restart", names=["alpha"])
        assert line["exit_code"] == 64
        assert (await state(call, "alpha"))["state"] == "RUNNING"


async def test_a_venue_may_refuse_a_start_and_an_allocation(home: Path) -> None:
    make_instance(home, "alpha", live=True, withdraws=True, free="120")
    outside = FolderOutside(home)
    async with supervising(home, outside=outside, cooldown_s=0.0) as (_, call):
        (line,) = await call("start", names=["alpha"], yes=True)
        assert (line["exit_code"], outside.confirmed) == (77, [])
        (line,) = await call("start", names=["alpha"], yes=True, accept_withdrawals=True)
        assert (line["ok"], outside.confirmed) == (True, ["alpha"])
        with pytest.raises(ConfigError, match="counts on 121"):
            await call("allocate", name="alpha", amount="121")


async def test_down_stops_all_and_up_restores_them(home: Path) -> None:
    make_instance(home, "alpha", open_positions=2)
    make_instance(home, "beta")
    make_instance(home, "gamma")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha", "beta"])
        lines = await call("down")
        assert {line["name"]: line["state"] for line in lines} == {"alpha": "STOPPED", "beta": "STOPPED"}
        assert "2 positions stay open" in lines[0]["message"]
        assert "stops" in lines[0]["message"]
    assert not (home / "run" / "supervisor.sock").exists()
    async with supervising(home) as (_, call):
        assert {row["state"] for row in await call("status")} == {"STOPPED"}
    async with supervising(home, restore=True) as (_, call):
        await until(call, "alpha", "RUNNING")
        await until(call, "beta", "RUNNING")
        assert (await state(call, "gamma"))["state"] == "STOPPED"
        await call("stop", names=["alpha"])
    async with supervising(home, restore=True) as (_, call):
        await until(call, "beta", "RUNNING")
        assert (await state(call, "alpha"))["state"] == "STOPPED"


COMPANION = """
import os, sys, time
from pathlib import Path
home, ready = Path(sys.argv[2]), int(sys.argv[4])
(home / "companion").write_text(str(os.getpid()))
while not (home / "go").exists():
    time.sleep(0.02)
while True:
    os.write(ready, b"x")
    time.sleep(0.05)
"""


async def test_companions_work_before_instances_are_made_and_end_after_them(home: Path) -> None:
    make_instance(home, "alpha")
    (home / "feed.py").write_text(COMPANION)
    feed = Companion("feed", (str(home / "feed.py"),))
    async with supervising(home, companions=[feed]) as (_, call):
        starting = asyncio.ensure_future(call("start", names=["alpha"]))
        await eventually((home / "companion").exists)
        for _ in range(10):  # what is made for an instance first is the file of its last words
            await asyncio.sleep(0.1)
            assert (await state(call, "alpha"))["pid"] is None
            assert not (home / "run" / "alpha.err").exists()
        (row,) = (await call("ping"))["companions"]
        assert (row["name"], row["state"]) == ("feed", "STARTING")
        (home / "go").touch()
        (line,) = await starting
        assert line["ok"]
        assert (await call("ping"))["companions"][0]["state"] == "RUNNING"
        assert [entry["name"] for entry in await call("status")] == ["alpha"]
    assert not alive(int((home / "companion").read_text()))


async def test_files_are_private(home: Path) -> None:
    make_instance(home, "alpha")
    (home / "run").chmod(0o755)
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        for path in (home / "run").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_an_instance_made_later_is_found(home: Path) -> None:
    outside = FolderOutside(home)
    async with supervising(home, outside=outside) as (_, call):
        assert await call("status") == []
        make_instance(home, "alpha")
        assert (await call("reload"))["names"] == ["alpha"]
        assert outside.reloads == 1
        (line,) = await call("start", names=["alpha"])
        assert line["ok"]


async def test_dangerous_verbs_cool_down(home: Path) -> None:
    make_instance(home, "alpha", {"open_positions": 1}, live=True)
    async with supervising(home, cooldown_s=60.0) as (_, call):
        for _ in range(2):
            with pytest.raises(TryAgain, match="start it first"):
                await call("close", name="alpha", symbol="BTC/USDT")
        await call("start", names=["alpha"], yes=True)
        assert await call("close", name="alpha", symbol="BTC/USDT")
        with pytest.raises(TryAgain, match="close of BTC/USDT of alpha was asked for just now"):
            await call("close", name="alpha", symbol="BTC/USDT")
        for _ in range(2):
            with pytest.raises(DataError, match="Nothing is held"):
                await call("close", name="alpha", symbol="ETH/USDT")
        await call("restart", names=["alpha"])
        await call("stop", names=["alpha"])
        assert (await call("start", names=["alpha"]))[0]["exit_code"] == 75
        assert (await call("flatten", names=["alpha"]))[0]["ok"]
        (line,) = await call("flatten", names=["alpha"])
        assert line["exit_code"] == 75
        await call("panic")
        with pytest.raises(TryAgain, match="just now"):
            await call("panic")
