"""Live trading from a profile to a flat account: real processes, the real command line, an exchange on loopback."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.cli import Result, Shell
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
    with exchange_process("--seed", "7") as made:
        yield made


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path, here=True)
    made.ok("init")
    yield made
    if (made.home / "run/supervisor.pid").exists():
        made("down", "--yes")


def once_cool(shell: Shell, *words: str) -> Result:
    """Say a dangerous verb as soon as it may be said again."""
    said: list[Result] = []

    def is_cool() -> bool:
        said.append(shell(*words))
        return said[-1].code != 75

    until(is_cool, "a verb that has cooled down")
    return said[-1]


def missing(sentence: str) -> Decimal:
    """Give how much more is counted on than is free, in a refusal that tells both figures."""
    needed, free = re.findall(r"([0-9.]+) USDT", sentence)[0], re.findall(r"and ([0-9.]+) is free", sentence)[0]
    return Decimal(needed) - Decimal(free)


def test_a_live_instance_trades_dies_comes_back_protected_and_is_flattened(
    shell: Shell, exchange: LiveExchange
) -> None:
    profile = write_profile(shell.folder, exchange)
    shell.ok("create", "alpha", "--profile", profile, "--capital", "1000")
    refused = shell("keys", "check", "alpha")
    assert (refused.code, "investbot keys set alpha" in refused.err) == (77, True)
    set_keys(shell, exchange, "alpha")
    told = shell.ok("keys", "check", "alpha", "--json").json
    assert (told["trade"], told["withdraw"], told["ip_restricted"]) == (True, False, True)
    shell.ok("up", "--detach")
    refused = shell("start", "alpha")
    assert refused.code == 64
    assert "worst loss a trade 50.00 USDT, a day 500.00 USDT" in refused.err
    shell.ok("start", "alpha", "--yes")
    until(lambda: protected(shell, exchange, "alpha"), "a protected position")

    killed = shell.row("alpha")["pid"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: shell.row("alpha")["pid"] not in {None, killed}, "another process")
    until(lambda: shell.row("alpha")["state"] == "RUNNING", "a recovered instance")
    until(lambda: protected(shell, exchange, "alpha"), "a protected position")
    exchange.ask("price", {"symbol": "BTCUSDT", "factor": 0.98})  # below every stop
    until(lambda: shell.told("trips", "alpha"), "a closed position")

    until(lambda: protected(shell, exchange, "alpha"), "a protected position")
    line = shell.ok("stop", "alpha", "--json").json[0]
    if line["open_positions"]:
        (kept,) = line["protection"]
        if kept["kept"] == "venue":
            assert int(kept["venue_order_id"]) in exchange.open_orders()
            assert f"order {kept['venue_order_id']}" in line["message"]
        else:
            assert "NOT protected" in line["message"]
    assert once_cool(shell, "start", "alpha").code == 0
    until(lambda: protected(shell, exchange, "alpha"), "a protected position")
    flat = shell("flatten", "alpha", "--yes", "--json")
    assert (flat.code, flat.json[0]["open_positions"]) == (0, 0), flat
    assert exchange.open_orders() == {}
    assert demand_equal_books(shell, exchange, "alpha", "1000") >= 4

    audit = shell.ok("audit", "--json").out
    assert all(value not in audit for value in exchange.keys["main"].values())
    logs = "".join(path.read_text(encoding="utf-8") for path in (shell.home / "instances/alpha/logs").iterdir())
    assert all(value not in logs for value in exchange.keys["main"].values())


def test_without_a_supervisor_panic_and_flatten_go_to_the_venue(shell: Shell, exchange: LiveExchange) -> None:
    profile = write_profile(shell.folder, exchange, max_age="4h")
    for name in ("alpha", "beta"):
        shell.ok("create", name, "--profile", profile, "--capital", "1000")
        set_keys(shell, exchange, name)
    exchange.ask(
        "order",
        {
            "account": "main",
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": "52000",
        },
    )
    shell.ok("up", "--detach")
    shell.ok("start", "--all", "--yes")
    for name in ("alpha", "beta"):
        until(lambda: protected(shell, exchange, name), f"a protected position of {name}")  # noqa: B023
    shell.kill_supervisor()
    ended = shell("panic", "--yes", "--json")
    assert ended.code == 0, ended
    assert [(line["name"], line["ok"], line["open_positions"]) for line in ended.json] == [
        ("alpha", True, 0),
        ("beta", True, 0),
    ]
    (human,) = exchange.open_orders().values()
    assert Decimal(human["price"]) == 52000
    for name in ("alpha", "beta"):
        assert demand_equal_books(shell, exchange, name, "1000") >= 2
        assert shell.row(name)["state"] == "STOPPED"


def test_keys_and_money_are_looked_at_before_a_start(shell: Shell, exchange: LiveExchange) -> None:
    profile = write_profile(shell.folder, exchange)
    sandbox = write_profile(shell.folder, exchange, "sandbox")
    shell.ok("create", "alpha", "--profile", profile, "--capital", "6000")
    shell.ok("create", "beta", "--profile", profile, "--capital", "5000")
    shell.ok("create", "gamma", "--profile", sandbox, "--capital", "5000")
    shell.ok("up", "--detach")

    set_keys(shell, exchange, "alpha", "reader")
    refused = shell("start", "alpha", "--yes")
    assert (refused.code, "may not trade" in refused.out + refused.err) == (77, True), refused
    set_keys(shell, exchange, "alpha", "withdraw")
    assert "is refused for real money" in shell.ok("keys", "check", "alpha").err
    refused = once_cool(shell, "start", "alpha", "--yes")
    assert (refused.code, "--accept-withdrawals" in refused.out + refused.err) == (77, True), refused
    assert once_cool(shell, "start", "alpha", "--yes", "--accept-withdrawals").code == 0
    assert '"accept_withdrawals": true' in shell.ok("audit", "--json").out

    set_keys(shell, exchange, "beta", "withdraw")
    refused = shell("start", "beta", "--yes", "--accept-withdrawals")
    assert refused.code == 78, refused
    assert missing(refused.out + refused.err) == 1000
    refused = shell("capital", "beta", "4500")
    assert (refused.code, int(missing(refused.err))) == (78, 500), refused
    shell.ok("capital", "beta", "3000")
    assert shell.row("beta")["capital"] == "3000"

    set_keys(shell, exchange, "gamma", "other")
    shell.ok("start", "gamma")  # made-up money: no question
    assert shell.row("gamma")["mode"] == "sandbox"
    shell.ok("down", "--yes")
    refused = shell("capital", "gamma", "20000")
    assert (refused.code, int(missing(refused.err))) == (78, 10_000), refused
