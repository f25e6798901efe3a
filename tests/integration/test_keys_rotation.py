"""API keys are exchanged while an instance holds a position, and so are data keys: real processes, a real account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli import Shell
from tests.integration.live_fleet import (
    LiveExchange,
    demand_equal_books,
    exchange_process,
    protected,
    set_keys,
    until,
    write_profile,
)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def exchange() -> Iterator[LiveExchange]:
    with exchange_process("--seed", "11") as made:
        yield made


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path, here=True)
    made.ok("init")
    yield made
    if (made.home / "run/supervisor.pid").exists():
        made("down", "--yes")


def test_keys_are_rotated_under_a_position_and_the_books_stay_equal(shell: Shell, exchange: LiveExchange) -> None:
    main, spare = exchange.keys["main"], exchange.keys["second"]
    profile = write_profile(shell.folder, exchange, max_age="4h")
    shell.ok("create", "alpha", "--profile", profile, "--capital", "1000")
    set_keys(shell, exchange, "alpha")
    shell.ok("up", "--detach")
    shell.ok("start", "alpha", "--yes")
    until(lambda: protected(shell, exchange, "alpha"), "a protected position")
    before = shell.row("alpha")["pid"]

    refused = shell("vault", "rotate", "alpha")
    assert (refused.code, "investbot stop alpha" in refused.err) == (78, True)
    can_withdraw = shell.here("keys", "rotate", "alpha", "--from", "-", given=json.dumps(exchange.keys["withdraw"]))
    assert (can_withdraw.code, "may withdraw" in can_withdraw.err) == (77, True)
    strange = shell.here("keys", "rotate", "alpha", "--from", "-", given=json.dumps(exchange.keys["other"]))
    assert (strange.code, "of another account" in strange.err) == (78, True)
    assert shell.row("alpha")["pid"] == before

    done = shell.here("keys", "rotate", "alpha", "--from", "-", "--json", given=json.dumps(spare))
    assert done.code == 0, done
    assert done.json["same_account"] is True
    assert done.json["proved"] is True
    assert shell.row("alpha")["pid"] != before
    assert shell.row("alpha")["state"] == "RUNNING"
    exchange.ask("key", {"name": "main", "revoked": True})
    until(lambda: protected(shell, exchange, "alpha"), "a protected position under the new key")
    assert [row["key"] for row in shell.told("keys", "check", "alpha")["keys"]] == ["apiKey", "secret"]
    exchange.ask("price", {"symbol": "BTCUSDT", "factor": 0.98})  # below every stop
    until(lambda: shell.told("trips", "alpha"), "a closed position")

    shell.ok("stop", "alpha")
    shell.ok("vault", "rotate", "alpha")
    assert until(lambda: shell("start", "alpha").code == 0, "a start that is not too soon")
    assert shell.row("alpha")["state"] == "RUNNING"
    flat = shell("flatten", "alpha", "--yes", "--json")
    assert (flat.code, flat.json[0]["open_positions"]) == (0, 0), flat
    assert demand_equal_books(shell, exchange, "alpha", "1000") >= 2
    told = shell.ok("audit", "--json").out
    for path in (shell.home / "instances/alpha/logs").iterdir():
        told += path.read_text(encoding="utf-8")
    assert all(value not in told for keys in (main, spare) for value in keys.values())
