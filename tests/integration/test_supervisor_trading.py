"""Verbs that reach into running instances, reads, the watch stream, and the audit of all of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

from investbot.control import codec
from investbot.control.address import socket_path
from investbot.control.client import ControlClient
from investbot.domain.errors import ConfigError, TryAgain, UnknownInstance, UsageError
from tests.integration.supervision import (
    FolderOutside,
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


async def test_pause_and_resume_reach_the_instance(home: Path) -> None:
    make_instance(home, "alpha")
    make_instance(home, "beta")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        lines = await call("pause", names=["alpha", "beta", "nobody"])
        assert [line["exit_code"] for line in lines] == [0, 75, 66]
        assert "start beta" in lines[1]["message"]

        async def paused() -> bool:
            return (await state(call, "alpha"))["paused"] is True

        await eventually(paused)
        assert (await call("resume", names=["alpha"]))[0]["ok"]


async def test_flatten_waits_until_flat_and_says_what_is_left(home: Path) -> None:
    make_instance(home, "alpha", {"open_positions": 2, "dust": {"BTC/USDT": "0.00000001"}})
    make_instance(home, "beta", {"open_positions": 1, "stubborn": True})
    make_instance(home, "gamma", open_positions=1)
    make_instance(home, "delta")
    outside = FolderOutside(home)
    async with supervising(home, outside=outside) as (_, call):
        await call("start", names=["alpha", "beta"])
        lines = await call("flatten", names=["alpha", "beta", "gamma", "delta"], timeout_s=0.5)
        by_name = {line["name"]: line for line in lines}
        assert by_name["alpha"]["ok"]
        assert "less than one lot is left of BTC/USDT" in by_name["alpha"]["message"]
        assert (by_name["beta"]["ok"], by_name["beta"]["exit_code"]) == (False, 75)
        assert "still holds 1 position;" in by_name["beta"]["message"]
        assert by_name["gamma"]["ok"]
        assert by_name["delta"]["ok"]
        assert outside.flattened == ["gamma"]


async def test_panic_is_for_every_instance(home: Path) -> None:
    make_instance(home, "alpha", {"open_positions": 2})
    make_instance(home, "beta")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        lines = await call("panic", timeout_s=5)
        assert [(line["name"], line["ok"], line["open_positions"]) for line in lines] == [
            ("alpha", True, 0),
            ("beta", True, 0),
        ]


async def test_a_venue_is_asked_about_a_key(home: Path) -> None:
    make_instance(home, "alpha")
    async with supervising(home) as (_, call):
        assert (await call("keys", name="alpha"))["name"] == "alpha"
        with pytest.raises(UnknownInstance):
            await call("keys", name="nobody")


async def test_close_size_and_allocate(home: Path) -> None:
    make_instance(home, "alpha", {"open_positions": 1})
    make_instance(home, "beta", {"stubborn": True})
    outside = FolderOutside(home)
    async with supervising(home, outside=outside) as (_, call):
        await call("start", names=["alpha", "beta"])
        assert (await call("close", name="alpha", symbol="BTC/USDT", by="cli"))["by"] == "cli"
        assert (await call("size", name="alpha", symbol="BTC/USDT", stop="99.5"))["stop"] == "99.5"
        assert (await call("intelligence", name="alpha", items=[{"bias": 1}]))["items"] == [{"bias": 1}]
        with pytest.raises(UsageError):
            await call("intelligence", name="alpha", items=[])
        assert (await call("allocate", name="alpha", amount="250.5"))["ok"]
        assert outside.recipe("alpha").capital.as_tuple().digits == (2, 5, 0, 5)
        with pytest.raises(UsageError, match="bound in positions"):
            await call("allocate", name="beta", amount="10")
        assert str(outside.recipe("beta").capital) == "100"
        with pytest.raises(ConfigError, match="above zero"):
            await call("allocate", name="alpha", amount="0")
        with pytest.raises(UsageError):
            await call("allocate", name="alpha", amount="-5")


async def test_a_silent_instance_costs_only_the_time_out(home: Path) -> None:
    make_instance(home, "alpha", {"hang_after_s": 0.2})
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        await asyncio.sleep(0.5)
        (line,) = await call("flatten", names=["alpha"], timeout_s=0.3)
        assert line["exit_code"] == 75


async def test_rows_come_in_pieces_that_fit(home: Path) -> None:
    make_instance(home, "alpha", events=3000)

    def read(**filters: Any) -> list[dict[str, Any]]:
        with ControlClient(home, timeout_s=60) as client:
            return list(client.rows("events", "alpha", **filters))

    async with supervising(home) as (_, call):
        rows = await asyncio.to_thread(read, since=5)
        assert [row["seq"] for row in rows] == list(range(3000))
        assert rows[0]["since"] == 5
        with pytest.raises(UsageError, match="no secrets"):
            await call("read", kind="secrets", name="alpha")
        with pytest.raises(UnknownInstance):
            await call("read", kind="events", name="../alpha")


async def test_watch_streams_snapshots_and_events(home: Path) -> None:
    make_instance(home, "alpha", {"events": 5})
    async with supervising(home) as (_, call):
        reader, writer = await asyncio.open_unix_connection(socket_path(home))
        writer.write(codec.encode({"id": 1, "verb": "watch", "args": {"interval_s": 0.1}}))
        first = codec.decode(await reader.readline())["item"]
        assert first["status"][0]["state"] == "STOPPED"
        await call("start", names=["alpha"])
        events: list[dict[str, Any]] = []
        states: set[str] = set()
        async with asyncio.timeout(60):
            while len(events) < 7 or "RUNNING" not in states:
                item = codec.decode(await reader.readline())["item"]
                events += item["events"]
                states.add(item["status"][0]["state"])
        assert [event["seq"] for event in events if "seq" in event] == [1, 2, 3, 4, 5]
        assert {event["name"] for event in events} == {"alpha"}
        moves = [event["state"] for event in events if event["kind"] == "InstanceMoved"]
        assert moves == ["STARTING", "RUNNING"]
        await call("down")
        async with asyncio.timeout(60):
            while "ok" not in (last := codec.decode(await reader.readline())):
                pass
        assert last["ok"] is True
        writer.close()


async def test_top_tells_what_processes_take(home: Path) -> None:
    make_instance(home, "alpha")
    make_instance(home, "beta")
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"])
        (row,) = await call("top")
        assert row["pid"] == pids(home, "alpha")[0]
        assert row["rss_mb"] > 1
        assert 0 <= row["cpu_fraction"] <= 2
        await asyncio.sleep(0.1)
        assert 0 <= (await call("top"))[0]["cpu_fraction"] <= 2


async def test_every_request_and_outcome_is_in_the_audit(home: Path) -> None:
    make_instance(home, "alpha", {"exit": 78, "message": "Edit it.", "silent": True})
    async with supervising(home) as (_, call):
        await call("start", names=["alpha"], by="cli")
        for _ in range(5):
            await call("status")
        with pytest.raises(UsageError):
            await call("dance")
        with pytest.raises(TryAgain):
            await call("size", name="alpha", symbol="X", stop="1")
        reader, writer = await asyncio.open_unix_connection(socket_path(home))
        writer.write(codec.encode({"id": 1, "verb": "audit", "args": {}}))
        entries = codec.decode(await reader.readline())["item"]
        writer.close()
    told = [(entry["verb"], entry["exit_code"]) for entry in entries]
    assert ("start", 78) in told
    assert told.count(("status", 0)) == 1
    assert ("dance", 64) in told
    assert ("size", 75) in told
    assert ("FATAL", 78) in told
    start = next(entry for entry in entries if entry["verb"] == "start")
    assert start["names"] == ["alpha"]
    assert start["args"] == {"by": "cli"}
    assert start["outcome"] == "Edit it."
    assert json.loads((home / "run" / "audit.jsonl").read_text().splitlines()[-1])["verb"]


async def test_a_face_that_hangs_up_does_not_stop_the_work(home: Path) -> None:
    make_instance(home, "alpha")
    async with supervising(home) as (_, call):
        _, writer = await asyncio.open_unix_connection(socket_path(home))
        writer.write(codec.encode({"id": 1, "verb": "start", "args": {"names": ["alpha"]}}))
        await asyncio.sleep(0.1)
        writer.close()
        await until(call, "alpha", "RUNNING")
