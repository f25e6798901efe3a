"""Limits of the fleet on real processes: they pause all, they say so everywhere, and they let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.discord import Discord, discord
from tests.integration.cli import Shell, market

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CAUSE = "fleet:daily_loss"


@pytest.fixture
def server() -> Iterator[Discord]:
    with discord() as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, server: Discord) -> Iterator[Shell]:
    shell = Shell(tmp_path, here=True)
    (tmp_path / "slow.toml").write_text(market(speed=20), encoding="utf-8")
    shell.ok("init")
    for name, tag in (("alpha", "left"), ("beta", "right")):
        shell.ok("create", name, "--profile", "slow.toml", "--capital", "500", "--tag", "both", "--tag", tag)
    assert shell("notify", "set", "discord", "--from", "-", given=server.url).code == 0
    yield shell
    if (shell.home / "run/supervisor.sock").exists():
        shell("down", "--yes")


def until(done: Callable[[], Any], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.1)


def limit(shell: Shell, text: str) -> None:
    path = shell.home / "investbot.toml"
    kept = path.read_text(encoding="utf-8").split("\n# limits of the test\n")[0]
    path.write_text(f"{kept}\n# limits of the test\n{text}\n", encoding="utf-8")


def paused(shell: Shell) -> list[bool]:
    return [CAUSE in (row["paused"] or {}) for row in shell.ok("status", "@both", "--json").json]


def test_a_limit_pauses_all_and_lets_go(shell: Shell, server: Discord) -> None:
    limit(shell, "[fleet.limits]\nmax_daily_loss_fraction = 0.0000001\nmax_running = 2")
    shell.ok("up", "--detach")
    lines = shell.ok("start", "@both", "--json").json
    assert [(line["name"], line["ok"]) for line in lines] == [("alpha", True), ("beta", True)]
    until(lambda: paused(shell) == [True, True])
    rows = shell.ok("status", "--json").json
    assert "(paper USDT) is " in rows[0]["paused"][CAUSE]
    assert all({"open_risk", "exposure"} <= set(row) for row in rows)
    shell.ok("resume", "@both")
    assert paused(shell) == [True, True], "it is not an operator's to lift"
    until(lambda: any("Limit of the fleet broken: daily loss" in title for title in server.titles))
    assert any(entry["verb"] == CAUSE for entry in shell.ok("audit", "--json").json)
    shell.kill_supervisor()
    shell.ok("up", "--detach")
    until(lambda: paused(shell) == [True, True])
    limit(shell, "")
    until(lambda: paused(shell) == [False, False])
    lines = shell.ok("stop", "@left", "@right", "--json").json
    assert [line["name"] for line in lines] == ["alpha", "beta"]


def test_one_more_than_may_run_is_refused(shell: Shell) -> None:
    limit(shell, "[fleet.limits]\nmax_running = 1")
    shell.ok("up", "--detach")
    done = shell("start", "@both", "--json")
    assert done.code == 78
    assert sorted(line["ok"] for line in done.json) == [False, True]
    assert "fleet.limits.max_running" in next(line["message"] for line in done.json if not line["ok"])
