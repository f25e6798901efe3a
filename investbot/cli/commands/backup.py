"""`investbot backup create | list | verify | export-identity`; what takes archives back stands in `backup_restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.bootstrap.home import NAME, Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Every, Names
from investbot.cli.commands import backup_restore
from investbot.cli.fleet import chosen, open_home
from investbot.cli.output import line
from investbot.cli.progress import progress
from investbot.cli.registry import MONEY, add, family
from investbot.cli.session import Session
from investbot.cli.store import unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import AlreadyExists, BackupError, InvestBotError, UsageError
from investbot.domain.times import rfc3339

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault
    from investbot.config.backups import BackupsPart
    from investbot.ports.backups import Archive

_FLEET = "_fleet"
_COLUMNS = ("name", "archive", "at", "size", "verified_at")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    backup = family(app, "backup", "Encrypted, verified copies of instances and of what they share.", panel=MONEY)
    examples = ("investbot backup create --all", "investbot backup create alpha --to /mnt/usb")
    add(backup, "create", *examples)(create)
    add(backup, "list", "investbot backup list", "investbot backup list alpha --json")(list_archives)
    add(backup, "verify", "investbot backup verify alpha", "investbot backup verify --all")(verify)
    add(backup, "export-identity", "investbot backup export-identity --to identity.txt")(export_identity)
    backup_restore.register(backup)


def create(
    context: typer.Context,
    names: Names = None,
    every: Every = False,
    to: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Copy the archive there too; may be given more than once.")
    ] = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not restore it for a trial; `backup verify` does so later.")
    ] = False,
) -> int:
    """Back up instances, running or not, and what all of them share: vault, fleet settings, profiles.

    Each archive is restored into a private folder and compared before it gets its name. One that fails does not keep
    the others from being made; the exit code tells.
    """
    from investbot.config.fleet import load_fleet

    session: Session = context.obj
    home = open_home(session)
    wanted = chosen(home, names, every=every)
    settings = load_fleet(home.path).backups
    folders = tuple(os.path.abspath(each) for each in to or ())  # noqa: PTH100 - links on the way stay as they are named
    with unlocked(session, home) as vault:
        lines = [
            _created(session, home, vault, name, settings, folders, verified=not no_verify)
            for name in (*wanted, _FLEET)
        ]
    return session.output.lines(lines)


def list_archives(context: typer.Context, names: Names = None) -> None:
    """List the archives there are, of all instances or of those named, removed ones included."""
    session: Session = context.obj
    home = open_home(session)
    rows = [row for name in names or _shelves(home) for row in _rows(home, name)]
    session.output.rows(rows, _COLUMNS, "There are no backups yet; make one with: investbot backup create --all")


def verify(
    context: typer.Context,
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|ARCHIVE]...", help="Instances (their newest) or files.")
    ] = None,
    every: Every = False,
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose archive it is, where its folder does not say so.")
    ] = None,
) -> int:
    """Restore archives into a private folder and compare everything: pages, rows, sums, and a replay of all events."""
    session: Session = context.obj
    home = open_home(session)
    if every == bool(what):
        message = "Name instances or archives, or give --all, not both."
        raise UsageError(message)
    lines: list[dict[str, Any]] = []
    with unlocked(session, home) as vault:
        for each in what or _shelves(home):
            try:
                lines.append(_verified(session, home, vault, _archive(home, each, of)))
            except InvestBotError as error:
                lines.append(line(each, str(error), error.exit_code))
    return session.output.lines(lines)


def export_identity(
    context: typer.Context,
    to: Annotated[Path, typer.Option(metavar="FILE", help="Where to write it; there must be nothing yet.")],
) -> None:
    """Write down what opens every backup of this home with age alone, for a safe place away from this machine."""
    from investbot.bootstrap.backup import export_identities

    session: Session = context.obj
    home = open_home(session)
    with unlocked(session, home) as vault, audited(home, "backup export-identity", []):
        text = export_identities(vault)
        try:
            descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            message = f"{to} is there already; name another file."
            raise AlreadyExists(message) from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    session.output.say(
        f"Wrote {to}. Whoever has it reads every backup, API keys included: move it to a safe place now.\n"
        f"To look into an archive: age -d -i {to} ARCHIVE | zstd -d | tar t"
    )


def _created(
    session: Session,
    home: Home,
    vault: OpenVault,
    name: str,
    settings: BackupsPart,
    folders: tuple[str, ...],
    *,
    verified: bool,
) -> dict[str, Any]:
    """Make one archive and take it wherever it shall be; what fails is told in its line."""
    from investbot.bootstrap.backup import create_archive, deliver

    try:
        with audited(home, "backup create", [name]), progress(session.output, name) as shown:
            archive = create_archive(
                home, vault, name, wall_clock(), progress=shown, recipients=settings.recipients, verified=verified
            )
    except InvestBotError as error:
        return line(name, str(error), error.exit_code)
    told: dict[str, Any] = {"archive": str(archive.path), "size": archive.size, "verified": verified}
    if failures := deliver(home, archive, settings, folders):
        message = f"backed up to {archive.path}, but {' '.join(failures)}"
        return line(name, message, BackupError.exit_code, **told)
    state = "backed up and verified" if verified else "backed up, not verified"
    return line(name, f"{state}: {archive.path} ({_size(archive.size)})", **told)


def _verified(session: Session, home: Home, vault: OpenVault, archive: Archive) -> dict[str, Any]:
    from investbot.bootstrap.backup import verify_archive

    with audited(home, "backup verify", [archive.instance]), progress(session.output, archive.instance) as shown:
        manifest = verify_archive(home, vault, archive, wall_clock(), shown)
    what = f"{manifest.last_seq} events" if manifest.schema else f"{len(manifest.members)} files"
    message = f"{archive.path.name} is whole: {what} as of {rfc3339(manifest.created_at)}"
    return line(archive.instance, message, archive=str(archive.path), last_seq=manifest.last_seq)


def _archive(home: Home, what: str, of: str | None) -> Archive:
    """Find the archive that is meant: the newest one of an instance, or a file; UsageError, BackupError."""
    from investbot.adapters.backups.shelf import archive_at
    from investbot.bootstrap.backup import shelf_of

    if NAME.fullmatch(what) or what == _FLEET:
        if found := shelf_of(home, what).archives():
            return found[-1]
        message = f"There is no backup of {what} yet; make one with: investbot backup create {what}"
        raise BackupError(message)
    path = Path(what)
    owner = of or path.absolute().parent.name
    if not (NAME.fullmatch(owner) or owner == _FLEET):
        message = f"Whose archive {what} is cannot be told from its folder; add --of NAME."
        raise UsageError(message)
    try:
        return archive_at(path, owner)
    except FileNotFoundError:
        message = f"There is no archive {what}; `investbot backup list` lists those there are."
        raise BackupError(message) from None


def _shelves(home: Home) -> list[str]:
    """Name whoever has archives, what all share last."""
    if not home.backups.is_dir():
        return []
    found = {each.name for each in home.backups.iterdir() if each.is_dir()}
    return [*sorted(name for name in found if NAME.fullmatch(name)), *({_FLEET} & found)]


def _rows(home: Home, name: str) -> list[dict[str, Any]]:
    from investbot.bootstrap.backup import shelf_of

    shelf = shelf_of(home, name)
    marks = shelf.verified()
    return [
        {
            "name": name,
            "archive": archive.path.name,
            "number": archive.number,
            "at": rfc3339(archive.created_at),
            "size": archive.size,
            "verified_at": rfc3339(mark.at) if (mark := marks.get(archive.path.name)) else None,
            "path": str(archive.path),
        }
        for archive in shelf.archives()
    ]


def _size(count: int) -> str:
    """Show a number of bytes in the unit that suits it (1 kB = 1000 bytes)."""
    return f"{count / 1e6:.1f} MB" if count >= 10**6 else f"{count / 1e3:.1f} kB"
