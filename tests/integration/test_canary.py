"""Secrets planted everywhere an operator puts them, looked for everywhere the program writes."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path

import pytest

from investbot.adapters.storage.vault import Vault
from tests.integration.cli import PASSPHRASE, Shell

pytestmark = pytest.mark.slow

KEYS = {
    "apiKey": "canary-api-key-6f1d2c9ab04e",
    "secret": "canary-api-secret-93bb17c0e5d8",
    "password": "canary-api-password-5ac2f7719d",
}
WEBHOOK = "https://127.0.0.1/api/webhooks/1/canary-webhook-8e44f0a6b7"


def disguises(secret: bytes) -> list[bytes]:
    """All the ways in which a program leaks without meaning to."""
    return [secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"="), base64.urlsafe_b64encode(secret)]


def processes(home: Path) -> dict[int, bytes]:
    """The command line and the environment of every process that works for this home, ours left out."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
                if str(home).encode() in line:
                    found[int(entry.name)] = line
                    found[int(entry.name)] += (entry / "environ").read_bytes()
            except OSError:
                continue
    return found


def test_no_secret_is_found_anywhere_outside_the_encrypted_store(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    told: list[str] = []

    def say(*words: str, given: str = "") -> None:
        result = shell(*words, given=given)
        told.extend((result.out, result.err))

    say("init")
    say("create", "alpha", "--profile", "slow.toml", "--capital", "500")
    say("keys", "set", "alpha", "--from", "-", given=json.dumps(KEYS))
    vault = Vault.unlock(shell.home / "vault.json", PASSPHRASE)
    vault.secret_set("discord", WEBHOOK)
    data_key = vault.data_key("alpha")
    say("up", "--detach")
    say("start", "alpha")
    end = time.monotonic() + 60
    seen: dict[int, bytes] = {}
    while time.monotonic() < end and len(seen) < 2:
        seen |= processes(shell.home)
    assert len(seen) >= 2, "the supervisor and the instance are looked at while they run"
    for words in (
        ("status", "--json"),
        ("show", "alpha", "--json"),
        ("keys", "check", "alpha", "--json"),
        ("events", "alpha", "--json"),
        ("logs", "alpha"),
        ("audit", "--json"),
        ("doctor", "--json"),
        ("doctor", "--bundle", str(tmp_path / "bundle.zip")),
        ("vault", "status"),
        ("keys", "set", "alpha", "--from", "-"),
        ("--debug", "start", "nobody"),
        ("stop", "alpha"),
        ("down", "--yes"),
    ):
        say(*words, given=f"not json {KEYS['secret']}" if words[:2] == ("keys", "set") else "")
    wrong = tmp_path / "wrong"
    wrong.write_text("canary-wrong-passphrase-77aa01")
    wrong.chmod(0o600)
    refused = shell("--debug", "status", more={"INVESTBOT_PASSPHRASE_FILE": str(wrong)})
    assert refused.code == 77
    told.extend((refused.out, refused.err))

    haystacks = {"what commands print": "\n".join(told).encode(), "processes": b"\0".join(seen.values())}
    outside = [path for path in (shell.home, tmp_path) for path in path.rglob("*") if path.is_file()]
    for path in outside:
        if path not in (shell.passphrase, wrong):
            haystacks[str(path)] = path.read_bytes()
    needles = [*KEYS.values(), WEBHOOK, PASSPHRASE, "canary-wrong-passphrase-77aa01"]
    for secret in [*(needle.encode() for needle in needles), data_key]:
        for disguise in disguises(secret):
            for place, content in haystacks.items():
                assert disguise not in content, f"a secret is in {place}"


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    leak = tmp_path / "leak"
    leak.write_bytes(b"x" + base64.b64encode(KEYS["secret"].encode()))
    assert any(disguise in leak.read_bytes() for disguise in disguises(KEYS["secret"].encode()))
