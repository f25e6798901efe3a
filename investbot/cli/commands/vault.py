"""`investbot vault status`."""

from __future__ import annotations

import stat

import typer

from investbot.cli.fleet import open_home
from investbot.cli.registry import MONEY, add, family
from investbot.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    vault = family(app, "vault", "The vault that holds the keys of all ledgers.", panel=MONEY)
    add(vault, "status", "investbot vault status", "investbot vault status --json")(status)


def status(context: typer.Context) -> None:
    """Say what the vault holds and how its passphrase is stretched; proves the passphrase."""
    from investbot.adapters.storage import vault_file
    from investbot.adapters.storage.vault import Vault

    session: Session = context.obj
    home = open_home(session)
    opened = Vault.unlock(home.vault, session.passphrase(home.path))
    try:
        cost = vault_file.load(home.vault).cost
        names = home.names()
        session.output.record(
            {
                "file": str(home.vault),
                "mode": f"{stat.S_IMODE(home.vault.stat().st_mode):04o}",
                "kdf": "argon2id",
                "memory_kib": cost.memory_kib,
                "iterations": cost.iterations,
                "lanes": cost.lanes,
                "instances": [name for name in opened.names() if name in names],
                "other_keys": [name for name in opened.names() if name not in names],
                "secrets": list(opened.secret_names()),
            }
        )
    finally:
        opened.close()
