"""`investbot remove`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import typer

from investbot.bootstrap.home import Home, InstanceHome
from investbot.cli.auditing import audited
from investbot.cli.choices import Every, Names, Yes
from investbot.cli.fleet import chosen, each, open_home
from investbot.cli.reading import reading
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session
from investbot.cli.store import changing, is_kept, is_locked, tell_supervisor, unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import ConfigError
from investbot.domain.times import rfc3339

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "remove", "investbot remove alpha --yes", panel=FLEET)(remove)


def remove(context: typer.Context, names: Names = None, every: Every = False, yes: Yes = False) -> int:
    """Remove instances that neither run nor hold anything; a verified copy of the ledger and all settings are kept."""
    session: Session = context.obj
    home = open_home(session)
    wanted = chosen(home, names, every=every)
    known = set(home.names())
    if known.intersection(wanted):
        session.confirm(f"Remove {', '.join(wanted)}?", yes=yes)
    with changing(home):
        if known.intersection(wanted):
            with unlocked(session, home) as vault:
                lines = each(wanted, lambda name: _audited(home, vault, name))
        else:
            lines = each(wanted, lambda name: str(home.existing(name)))
    tell_supervisor(home)
    return session.output.lines(lines)


def _audited(home: Home, vault: OpenVault, name: str) -> str:
    with audited(home, "remove", [name]):
        return _remove(home, vault, name)


def _remove(home: Home, vault: OpenVault, name: str) -> str:
    from investbot.bootstrap.notices import secret_name
    from investbot.instance.lock import InstanceLock

    instance = home.existing(name)
    if is_locked(instance) or is_kept(home, name):
        message = f"{name} is running; stop it first with `investbot stop {name}`."
        raise ConfigError(message)
    with InstanceLock(instance.lock, name):
        with reading(instance, vault) as reader:
            held = [row["symbol"] for row in reader.rows("positions")]
        if held:
            message = f"{name} still holds {', '.join(held)}; sell it first with `investbot flatten {name} --yes`."
            raise ConfigError(message)
        kept = _keep(home, vault, instance)
        gone = home.instances / f".{name}.gone"
        instance.path.rename(gone)
        vault.forget(name)
        vault.secret_forget(secret_name(name))
        shutil.rmtree(gone)
    return f"removed; a verified copy is in {kept}"


def _keep(home: Home, vault: OpenVault, instance: InstanceHome) -> str:
    """Copy the ledger under a key of its own, and the settings with all versions."""
    from investbot.adapters.storage.copies import copy_verified

    stamp = rfc3339(wall_clock()).replace(":", "").replace(".", "")
    label = f"removed/{instance.name}-{stamp}"
    folder = InstanceHome(home.path / label)
    home.path.joinpath("removed").mkdir(mode=0o700, exist_ok=True)
    folder.path.mkdir(mode=0o700)
    try:
        key = vault.add(label)
        copy_verified(instance.ledger, vault.data_key(instance.name), folder.ledger, new_key=key)
        shutil.copy2(instance.settings, folder.settings)
        shutil.copytree(instance.versions, folder.versions)
    except BaseException:
        vault.forget(label)
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    return label
