"""`investbot remove`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import typer

from investbot.bootstrap.home import Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Every, Names, Yes
from investbot.cli.fleet import chosen, each, open_home
from investbot.cli.progress import progress
from investbot.cli.reading import reading
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session
from investbot.cli.store import changing, is_kept, is_locked, tell_supervisor, unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import ConfigError

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "remove", "investbot remove alpha --yes", panel=FLEET)(remove)


def remove(context: typer.Context, names: Names = None, every: Every = False, yes: Yes = False) -> int:
    """Remove instances that neither run nor hold anything; a last, verified backup is kept."""
    session: Session = context.obj
    home = open_home(session)
    wanted = chosen(home, names, every=every)
    known = set(home.names())
    if known.intersection(wanted):
        session.confirm(f"Remove {', '.join(wanted)}?", yes=yes)
    with changing(home):
        if known.intersection(wanted):
            with unlocked(session, home) as vault:
                lines = each(wanted, lambda name: _audited(session, home, vault, name))
        else:
            lines = each(wanted, lambda name: str(home.existing(name)))
    tell_supervisor(home)
    return session.output.lines(lines)


def _audited(session: Session, home: Home, vault: OpenVault, name: str) -> str:
    with audited(home, "remove", [name]):
        return _remove(session, home, vault, name)


def _remove(session: Session, home: Home, vault: OpenVault, name: str) -> str:
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
        kept = _keep(session, home, vault, name)
        gone = home.instances / f".{name}.gone"
        instance.path.rename(gone)
        vault.forget(name)
        vault.secret_forget(secret_name(name))
        shutil.rmtree(gone)
    return f"removed; its last backup, verified, is {kept}"


def _keep(session: Session, home: Home, vault: OpenVault, name: str) -> str:
    """Make a last backup, as `investbot backup create` does, and name its file."""
    from investbot.bootstrap.backup import create_archive
    from investbot.config.fleet import load_fleet

    recipients = load_fleet(home.path).backups.recipients
    with progress(session.output, name) as shown:
        archive = create_archive(home, vault, name, wall_clock(), progress=shown, recipients=recipients)
    return str(archive.path.relative_to(home.path))
