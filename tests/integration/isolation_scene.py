"""A fleet with a hostile strategy in it: `python isolation_scene.py DIR` prints what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_file import KdfCost
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.supervisor import detach
from investbot.control.client import ControlClient
from investbot.control.identity import start_time
from tests.integration.instance_homes import make_home, replaying, write_candles

PASSPHRASE = "canary passphrase of the fleet"
PRIVATE = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"
HOSTILE = Path(__file__).with_name("hostile_strategy.py")


def instance(home: Home, vault: OpenVault, name: str, candles: Path, *settings: str) -> InstanceHome:
    folder = replaying(home, name, candles, *settings, speed=4)
    folder.ledger.unlink()
    SqlcipherLedger.create(folder.ledger, vault.add(name), instance=name).close()
    return folder


@contextlib.contextmanager
def listening(name: str) -> Iterator[int]:
    """Listen on a port of loopback and on an abstract name; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as door, socket.socket(socket.AF_UNIX) as hidden:
        hidden.bind("\0" + name)
        hidden.listen()
        yield door.getsockname()[1]


def eventually(path: Path) -> Any:
    until = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} did not come"
        time.sleep(0.02)
    return json.loads(path.read_text())


def scene(folder: Path, *, isolated: bool) -> dict[str, Any]:
    home = make_home(folder / "home")
    if not isolated:
        with home.settings.open("a") as file:
            file.write('[isolation]\noff = ["alpha"]\n')
    vault = Vault.create(home.vault, PASSPHRASE, KdfCost(memory_kib=8, iterations=1, lanes=1))
    candles = write_candles(folder / "candles.csv", 4000)
    for name in ("passphrase", "id_ed25519"):
        (folder / name).write_text(PASSPHRASE if name == "passphrase" else PRIVATE)
        (folder / name).chmod(0o600)
    victim = instance(home, vault, "beta", candles)
    gamma = instance(home, vault, "gamma", candles)
    for name in "abcde":
        (gamma.path / name).write_text("x")
        (gamma.path / name).chmod(0o644)
    alpha = home.instance("alpha")
    alpha.ensure()
    shutil.copy(HOSTILE, alpha.path / "hostile.py")
    instance(home, vault, "alpha", candles, "strategy.name=hostile.py")
    supervisor = detach(home.path, PASSPHRASE)
    abstract = f"investbot-{os.getpid()}"
    try:
        with listening(abstract) as port, ControlClient(home.path, timeout_s=60) as client:
            assert client.call("start", names=["beta"])[0]["ok"]
            (row,) = client.call("status", names=["beta"])
            private = [*victim.path.rglob("*"), home.vault, folder / "passphrase"]
            told = {
                "home": str(home.path),
                "pid": row["pid"],
                "began": start_time(row["pid"]),
                "supervisor": supervisor,
                "port": port,
                "abstract": abstract,
                "passphrase_file": str(folder / "passphrase"),
                "private": str(folder / "id_ed25519"),
                "files": [[path.stat().st_dev, path.stat().st_ino] for path in private if path.is_file()],
                "secrets": [PASSPHRASE.encode().hex(), vault.data_key("beta").hex(), vault.data_key("gamma").hex()],
            }
            (alpha.path / "targets.json").write_text(json.dumps(told))
            started = client.call("start", names=["alpha"])
            found = {
                when: eventually(alpha.logs / f"{when}.json") for when in ("import", *(("bar",) if isolated else ()))
            }
            rows = {row["name"]: row for row in client.call("status", names=["alpha", "beta"])}
            audit = [line for chunk in client.stream("audit") for line in chunk]
    finally:
        with ControlClient(home.path, timeout_s=60) as client:
            client.call("down")
    return {
        "started": started,
        "found": found,
        "rows": rows,
        "audit": audit,
        "uid": os.getuid(),
        "decoys": {path.name: [path.read_text(), path.stat().st_mode & 0o777] for path in sorted(gamma.path.glob("?"))},
        "log": (alpha.logs / "instance.log").read_text(),
    }


if __name__ == "__main__":
    print(json.dumps(scene(Path(sys.argv[1]), isolated="--free" not in sys.argv)))
