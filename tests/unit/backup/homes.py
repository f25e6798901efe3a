"""A home with instances that have a past, and its open vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from investbot.adapters.storage import secrets
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.bootstrap.home import Home
from investbot.config.fleet import init_fleet
from tests.unit.adapters.storage.samples import FAST, filled

PASSPHRASE = "correct horse"
AT = 1_767_225_600_000


def silent(_what: str, _done: int, _total: int) -> None:
    pass


@contextmanager
def fleet(path: Path, *names: str, batches: int = 20) -> Iterator[tuple[Home, OpenVault]]:
    """Make a home whose instances have ledgers of `batches` breaths, an API key, and two versions of settings."""
    home = Home(path)
    home.ensure()
    init_fleet(path)
    (home.profiles / "example.toml").write_text('description = "x"\n', encoding="utf-8")
    vault = Vault.create(home.vault, PASSPHRASE, FAST)
    try:
        for seed, name in enumerate(names, 1):
            add(home, vault, name, seed, batches)
        yield home, vault
    finally:
        vault.close()


def add(home: Home, vault: OpenVault, name: str, seed: int, batches: int) -> None:
    instance = home.instance(name)
    instance.ensure()
    key = vault.add(name)
    filled(instance.ledger, seed, batches, key=key, instance=name)
    secrets.set_secrets(instance.ledger, key, {"apiKey": f"canary-{name}"}, at=1)
    instance.settings.write_text(f'name = "{name}"\n', encoding="utf-8")
    for number in (1, 2):
        (instance.versions / f"{number:04d}.toml").write_text(f"version = {number}\n", encoding="utf-8")
