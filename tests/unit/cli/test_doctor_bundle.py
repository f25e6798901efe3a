"""A bundle of the real program: what lies in vault and stores is in no part of it, wherever it slipped in."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

from investbot.adapters.storage.vault import Vault
from tests.unit.cli.conftest import PASSPHRASE, Cli

SHORT_KEY, SHORT_SECRET = "k3yAb", "s3cr&t"
HOOK = "https://discord.com/api/webhooks/11/tok-en"


def test_secrets_that_the_doctor_could_read_are_hidden(cli: Cli, folder: Path) -> None:
    home = folder / "home"
    (folder / "keys.json").write_text(json.dumps({"apiKey": SHORT_KEY, "secret": SHORT_SECRET}), encoding="utf-8")
    assert cli("keys", "set", "alpha", "--from", "keys.json").code == 0
    vault = Vault.unlock(home / "vault.json", PASSPHRASE)
    vault.secret_set("discord", HOOK)
    identity = vault.secret_once("_planted", lambda: "plain-words-1")
    vault.close()
    planted = (SHORT_KEY, SHORT_SECRET, HOOK, identity, PASSPHRASE)
    for path in (home / "instances/alpha/logs/instance.log", home / "run/supervisor.log", home / "run/audit.jsonl"):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps({"event": "x", "why": f"no {each} here"}) + "\n" for each in planted))
    assert cli("doctor", "--bundle", "facts.tar.gz").code == 0
    with tarfile.open(folder / "facts.tar.gz") as archive:
        parts = {part.name: (archive.extractfile(part) or part).read().decode() for part in archive}  # type: ignore[union-attr]
    assert {"doctor.json", "run/supervisor.log", "instances/alpha/logs/instance.log"} <= parts.keys()
    for name, text in parts.items():
        assert [each for each in (*planted, "tok-en") if each in text] == [], name
    assert parts["run/supervisor.log"].count("[hidden]") == len(planted)
