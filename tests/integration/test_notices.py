"""Real supervisors, real instances, and a Discord on loopback: what is told, over kill -9, and what is never told."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.discord import TOKEN, Discord, Reply, discord
from tests.integration.cli import PASSPHRASE, Shell, market
from tests.integration.test_canary import KEYS, disguises

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ALL = 'discord = "trades, limits, lifecycle, daily"'


@pytest.fixture
def server() -> Iterator[Discord]:
    with discord() as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, server: Discord) -> Iterator[Shell]:
    shell = Shell(tmp_path, here=True)
    (tmp_path / "slow.toml").write_text(market(speed=20), encoding="utf-8")
    shell.ok("init")
    shell.ok("create", "alpha", "--profile", "slow.toml", "--capital", "500")
    assert shell("notify", "set", "discord", "--from", "-", given=server.url).code == 0
    yield shell
    if (shell.home / "run/supervisor.sock").exists():
        shell("down", "--yes")


def until(done: Callable[[], Any], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.05)


def has(server: Discord, words: str) -> bool:
    return any(words in title for title in server.titles)


def test_a_life_is_told(shell: Shell, server: Discord) -> None:
    with (shell.home / "investbot.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[news]\nstatus = true\n")
    shell.ok("up", "--detach")
    shell.ok("start", "alpha")
    until(lambda: has(server, "CLOSED BTC/USDT"))
    until(lambda: has(server, "alpha is RUNNING"))
    assert shell.row("alpha")["notices"] == {"waiting": pytest.approx(0, abs=9), "error": None}
    shell.ok("down", "--yes")
    until(lambda: has(server, "The supervisor goes down"))
    titles = server.titles
    (states,) = server.edited.values()
    assert "1 STOPPED" in titles, "the message that is kept up to date"
    assert states[-1]["embeds"][0]["title"] == "The supervisor is down"
    assert {"The supervisor is up", "alpha is RUNNING", "alpha was stopped", "LONG BTC/USDT 5m"} <= set(titles)
    assert server.unfit == []
    embeds = [embed for message in server.taken for embed in message.body["embeds"]]
    entry = next(embed for embed in embeds if embed["title"] == "LONG BTC/USDT 5m")
    fields = {field["name"]: field["value"] for field in entry["fields"]}
    assert {"Entry", "SL", "TP", "Confidence", "R:R", "Size", "Risk at the stop", "From"} <= set(fields)
    first = next(row for row in shell.ok("fills", "alpha", "--json").json if row["side"] == "buy")
    assert float(fields["Entry"]) == float(first["price"])
    stop = next(row for row in shell.ok("orders", "alpha", "--json").json if row["role"] == "stop")
    assert float(fields["SL"]) == float(stop["stop_price"])
    trip = shell.ok("trips", "alpha", "--json").json[0]
    closed = next(embed for embed in embeds if embed["title"].startswith("CLOSED"))
    shown = {field["name"]: field["value"] for field in closed["fields"]}
    assert float(shown["Net result"].split()[0]) == float(trip["net_pnl"])
    waits = [later - earlier for earlier, later in zip(server.asked, server.asked[1:], strict=False)]
    assert min(waits) > 0.9, "one message a second"
    assert shell.ok("notify", "list", "--json").json[0]["state"] == "ok"


def test_after_a_kill_the_next_supervisor_tells_what_happened(shell: Shell, server: Discord) -> None:
    shell.ok("up", "--detach")
    shell.ok("start", "alpha")
    until(lambda: has(server, "alpha is RUNNING"))
    server.always = Reply(503)
    until(lambda: shell.row("alpha")["notices"]["waiting"] >= 3)
    shell.kill_supervisor()
    waiting = {
        notice["key"]
        for line in (shell.home / "run/outbox.jsonl").read_text(encoding="utf-8").split("\n")
        if line.strip()
        for notice in json.loads(line).get("put", {}).values()
        if notice["key"]
    }
    assert len(waiting) >= 3
    server.always = None
    taken = len(server.titles)
    time.sleep(2)  # the instance lives on and trades
    shell.ok("up", "--detach")
    until(lambda: has(server, "The supervisor is back after it died"))
    shell.ok("stop", "alpha")
    until(lambda: has(server, "alpha was stopped"))
    until(lambda: shell.row("alpha")["notices"]["waiting"] == 0)
    shell.ok("down", "--yes")
    told = [embed for message in server.taken for embed in message.body["embeds"]]
    trips = shell.ok("trips", "alpha", "--json").json
    closes = [embed for embed in told if embed["title"].startswith("CLOSED")]
    crowds = [embed for embed in told if "exits, net" in embed["title"]]
    summed = sum(int(embed["title"].split(" exits")[0].rsplit(" ", 1)[1]) for embed in crowds)
    assert len(closes) + summed == len(trips), "every exit is told, and told once"
    assert len(told) > taken
    assert server.titles.count("alpha is RUNNING") == 1, "an adopted instance is not told as new"


def test_a_dead_discord_delays_nothing(shell: Shell, server: Discord) -> None:
    server.always = Reply(200, delay_s=3600)
    shell.ok("up", "--detach")
    shell.ok("start", "alpha")
    shell.until_held("alpha", 150)
    assert shell.row("alpha")["state"] == "RUNNING"
    shell.ok("stop", "alpha")
    shell.ok("down", "--yes")
    assert server.taken == []


def test_a_webhook_that_is_gone_is_told_in_status_and_doctor(shell: Shell, server: Discord) -> None:
    server.always = Reply(404, body=b'{"message": "Unknown Webhook", "code": 10015}')
    shell.ok("up", "--detach")
    shell.ok("start", "alpha")
    until(lambda: shell.row("alpha")["notices"]["error"])
    assert shell.row("alpha")["notices"]["error"] == "Discord knows no such webhook (404)."
    assert "Discord knows no such webhook (404)." in shell.ok("status").err
    asked = len(server.asked)
    shell.until_held("alpha", 150)
    assert len(server.asked) == asked == 1, "it is asked once, not for every notice"
    (line,) = [row for row in shell("doctor", "--json").json if row["check"] == "notices"]
    assert line["level"] == "error"
    assert line["fix"] == "investbot notify set discord"
    server.always = None
    shell.ok("notify", "test")
    until(lambda: has(server, "alpha is RUNNING"))


def test_a_parked_instance_is_an_alarm_and_a_crash_loop_is_counted(shell: Shell, server: Discord) -> None:
    shell.ok("config", "set", "alpha", "restart.backoff=100ms", "restart.max=100ms", "restart.limit=7")
    shell.ok("up", "--detach")
    shell.ok("start", "alpha")
    for _ in range(7):
        until(lambda: shell.row("alpha")["state"] in {"RUNNING", "FATAL"})
        row = shell.row("alpha")
        if row["state"] == "FATAL":
            break
        os.kill(int(row["pid"]), signal.SIGKILL)
        until(lambda pid=row["pid"]: shell.row("alpha")["pid"] != pid)  # type: ignore[misc]
    until(lambda: has(server, "⚠ alpha is parked (FATAL)"))
    life = [title for title in server.titles if "crashed" in title or "again" in title]
    assert len(life) == 3, "the rest is counted into one that is not due yet"


def test_no_secret_is_ever_told(shell: Shell, server: Discord, tmp_path: Path) -> None:
    told: list[str] = []

    def say(*words: str, given: str = "") -> None:
        result = shell(*words, given=given)
        told.extend((result.out, result.err))

    say("keys", "set", "alpha", "--from", "-", given=json.dumps(KEYS))
    say("notify", "set", "discord", "--from", "-", given=server.url)
    shell.ok("config", "set", "alpha", 'notify.discord="trades, signals, orders, limits, lifecycle, errors, daily"')
    server.always = Reply(503)
    say("up", "--detach")
    say("start", "alpha")
    until(lambda: shell.row("alpha")["notices"]["waiting"] >= 3)
    server.always = None
    until(lambda: has(server, "LONG BTC/USDT 5m"))
    for words in (
        ("notify", "list"),
        ("notify", "test"),
        ("status", "--json"),
        ("doctor", "--json"),
        ("audit", "--json"),
    ):
        say(*words)
    say("doctor", "--bundle", str(tmp_path / "bundle.zip"))
    say("down", "--yes")
    haystacks = {"commands": "\n".join(told).encode(), "messages": server.said.encode()}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != shell.passphrase:
            haystacks[str(path)] = path.read_bytes()
    assert str(shell.home / "run/outbox.jsonl") in haystacks
    for secret in (*KEYS.values(), TOKEN, PASSPHRASE):
        for disguise in disguises(secret.encode()):
            assert [place for place, content in haystacks.items() if disguise in content] == []
