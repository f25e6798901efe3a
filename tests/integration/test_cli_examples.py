"""Every example of every command's help, run in one scratch home in an order an operator might."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from investbot.adapters.storage.recovery_words import to_words
from investbot.adapters.venues.synthetic import SyntheticVenue
from investbot.cli.main import main
from investbot.domain.market import Candle, Timeframe
from tests.docs.manual import entries
from tests.fakes.discord import discord
from tests.integration.cli import PASSPHRASE, PROGRAM, Shell, market

pytestmark = pytest.mark.slow

# The order in which commands make sense; those not named here come where WITH_SUPERVISOR ends.
FIRST = (
    "init",
    "version",
    "profiles",
    "create",
    "keys",
    "config",
    "vault",
    "migrate",
    "strategies",
    "backtest",
    "doctor",
    "up",
)
LAST = ("restart", "stop", "panic", "down", "run", "remove")

# What an example may end with besides 0 when it is run here, and why.
OTHERWISE = {
    "investbot up --detach --restore": {73},  # a supervisor runs already
    "investbot dash --read-only": {64},  # there is no terminal
    # the words in that file are of another vault
    "investbot vault recover --words-file words.txt --new-passphrase-file new.txt": {77},
    "investbot backup create alpha --to /mnt/usb": {74},  # nothing is mounted there
    "investbot close alpha BTC/USDT --yes": {65, 75},  # there may be nothing to close
    "investbot flatten --all --yes --json": {75},  # alpha was flattened a moment ago: it cools down
    "investbot panic --yes --json": {75},  # the same
    "investbot size alpha BTC/USDT --stop 49500": {64, 65},  # the market may have moved away from that stop
}


HEAD = "timestamp,open,high,low,close,volume"


def examples() -> list[str]:
    found = entries()

    def place(path: tuple[str, ...]) -> int:
        if path[0] in FIRST:
            return FIRST.index(path[0])
        return len(FIRST) + (1 + LAST.index(path[0]) if path[0] in LAST else 0)

    return [example for entry in sorted(found, key=lambda entry: place(entry.path)) for example in entry.examples]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Give the files the examples speak of; only the network is replaced, by a made-up market."""
    shell = Shell(tmp_path)
    with discord() as server:
        (tmp_path / "webhook.txt").write_text(server.url, encoding="utf-8")
        yield from _filled(shell)


def _filled(shell: Shell) -> Iterator[Shell]:
    tmp_path = shell.folder
    (tmp_path / "new.txt").write_text(PASSPHRASE, encoding="utf-8")
    (tmp_path / "new.txt").chmod(0o600)
    (tmp_path / "words.txt").write_text(" ".join(to_words(bytes(range(32)))), encoding="utf-8")
    (tmp_path / "keys.json").write_text(json.dumps({"apiKey": "a", "secret": "b"}), encoding="utf-8")
    candles = asyncio.run(_candles())
    lines = [f"{c.opened_at},{c.open},{c.high},{c.low},{c.close},{c.bar.volume}" for c in candles]
    (tmp_path / "candles.csv.gz").write_bytes(gzip.compress("\n".join([HEAD, *lines]).encode()))
    _reach_this_machine(tmp_path / "bin")
    shell.ok("init")
    item = {"source": "news", "bias": 0.2, "confidence": 0.5, "published_at": "2024-01-01", "expires_at": "2024-01-30"}
    (tmp_path / "items.jsonl").write_text(json.dumps(item), encoding="utf-8")
    news = '\n[[intelligence.sources]]\nname = "news"\nkind = "file"\nfile = "items.jsonl"\n'
    made_up = market(speed=5, extends='extends = "conservative"') + news
    for name in ("example", "conservative"):
        (shell.home / f"profiles/{name}.toml").write_text(made_up, encoding="utf-8")
    yield shell
    if (shell.home / "run/supervisor.sock").exists():
        shell("down", "--yes")


def _reach_this_machine(folder: Path) -> None:
    """Let every host that is asked over SSH be this one."""
    folder.mkdir()
    program = folder / "ssh"
    lines = ("#!/bin/sh", 'while [ "$1" != -- ]; do shift; done', "shift 3", f'exec {shlex.join(PROGRAM)} "$@"', "")
    program.write_text("\n".join(lines), encoding="utf-8")
    program.chmod(0o700)


async def _candles() -> list[Candle]:
    venue = SyntheticVenue(Timeframe.parse("5m"), candles=600, speed=0)
    await venue.open(["BTC/USDT"])
    return [fact async for fact in venue.facts({}, None) if isinstance(fact, Candle)]


@pytest.mark.timeout(300)
def test_every_example_works(shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failed = []
    (shell.folder / "profiles").symlink_to(shell.home / "profiles")
    monkeypatch.chdir(shell.folder)
    for name, value in shell.environment(PATH=f"{shell.folder / 'bin'}:{os.environ['PATH']}").items():
        monkeypatch.setenv(name, value)
    for number, example in enumerate(examples()):
        words = shlex.split(example)[1:]
        home = shell.folder / f"home{number}" if words[0] == "init" else shell.home
        monkeypatch.setenv("INVESTBOT_HOME", str(home))
        if words[:2] == ["config", "set"]:
            words.remove("market.timeframe=5m")  # the made-up market has it already
        asked = (shell.folder / "webhook.txt").read_bytes() if words[0] == "notify" else b"apiKey=a\nsecret=b\n"
        asked = b"canary\n" if words[0] == "intelligence" else asked
        typed = io.TextIOWrapper(io.BytesIO(asked if words[-1] == "-" else b""))
        monkeypatch.setattr("sys.stdin", typed)
        capsys.readouterr()
        if words[0] == "run":  # in a process of its own, to the end of its candles, at once
            shell.ok("config", "set", "alpha", "venue.synthetic.candles=5000", "venue.synthetic.speed=0")
            result = shell(*words)
            code, said = result.code, result.err
        else:
            code, said = main(words), capsys.readouterr().err
        if code not in {0} | OTHERWISE.get(example, set()) or "Traceback" in said:
            failed.append((example, code, said[-300:]))
    assert failed == []
