"""`investbot backup restore | expire`: what takes archives back, and what throws them away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.bootstrap.home import NAME, Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Every, Names
from investbot.cli.fleet import each, home_path, open_home, user
from investbot.cli.output import line
from investbot.cli.progress import progress
from investbot.cli.registry import add
from investbot.cli.session import Session
from investbot.cli.store import changing, is_kept, is_locked, pause, tell_supervisor, unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import ConfigError, InvestBotError, UsageError

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault
    from investbot.bootstrap.restore import Restored, Wish
    from investbot.ports.backups import Archive

From = Annotated[
    list[Path] | None,
    typer.Option("--from", metavar="DIR", help="Look for backups there too (one folder an instance in it)."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


def register(backup: typer.Typer) -> None:
    """Add the commands to those of `backup`."""
    examples = (
        "investbot backup restore alpha --dry-run",
        "investbot backup restore alpha --as trial",
        "investbot backup restore alpha --at 2026-01-31T14:05:00Z --as before",
    )
    add(backup, "restore", *examples)(restore)
    add(backup, "expire", "investbot backup expire --dry-run", "investbot backup expire")(expire)


def restore(
    context: typer.Context,
    what: Annotated[
        str | None, typer.Argument(metavar="[NAME|ARCHIVE]", help="An instance (all there is of it) or one archive.")
    ] = None,
    every: Every = False,
    at: Annotated[
        str | None, typer.Option(metavar="SEQ|TIME", help="As it was after that event, or at that moment.")
    ] = None,
    new_name: Annotated[
        str | None, typer.Option("--as", metavar="NEWNAME", help="Make another, stopped instance of it.")
    ] = None,
    sources: From = None,
    of: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose archive it is, where its folder does not say so.")
    ] = None,
    dry_run: DryRun = False,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Also where the live ledger has more events than the backup.")
    ] = False,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="With --as: its API keys as well.")] = False,
) -> int:
    """Bring an instance back from its backups: ledger and settings, with all that was shipped since the archive.

    It must not run. What is replaced is kept under instances/NAME/replaced. With --all --from DIR a whole home comes
    back, into an empty folder too: vault, settings, profiles, every instance, all of them stopped.
    """
    from investbot.backup.restore import Point, parse_point

    session: Session = context.obj
    point = Point() if at is None else parse_point(at)
    if every:
        if what or at or new_name or dry_run or not sources or len(sources) != 1:
            message = "--all goes with one --from DIR and without NAME, --at, --as and --dry-run."
            raise UsageError(message)
        return _restore_home(session, sources[0].absolute(), allow_older=allow_older)
    if what is None:
        message = "Name an instance or an archive, or give --all with --from DIR."
        raise UsageError(message)
    if with_keys and new_name is None:
        message = "--with-keys goes with --as: an instance that is restored in its place has its keys."
        raise UsageError(message)
    from investbot.bootstrap.restore import Wish

    home = open_home(session)
    archive = _archive(what, of)
    name = what if archive is None else archive.instance
    wish = Wish(name, _folders(home, sources), point, archive, new_name, allow_older, with_keys)
    if not dry_run:
        _demand_stopped(home, wish.target)
    with changing(home), unlocked(session, home) as vault:
        told = _told(session, home, vault, wish, dry_run=dry_run)
    if not dry_run:
        tell_supervisor(home)
    _show(session, told, dry_run=dry_run)
    return 0


def expire(context: typer.Context, names: Names = None, every: Every = False, dry_run: DryRun = False) -> int:
    """Throw away archives and shipped history that the settings no longer ask for, of all instances or those named.

    Counted are archives and not days: what stays is the last of each of the 30 newest days, 8 weeks and 12 months with
    a backup, the newest, and the newest that was verified, whatever a clock says.
    """
    from investbot.backup.retention import Rule
    from investbot.bootstrap.expiring import expire as expire_one
    from investbot.config.fleet import load_fleet

    session: Session = context.obj
    home = open_home(session)
    if every and names:
        message = "Give names or --all, not both."
        raise UsageError(message)
    told = load_fleet(home.path).backups
    rule = Rule(told.daily, told.weekly, told.monthly)
    wanted = names or sorted(each.name for each in home.backups.glob("*") if each.is_dir())
    lines: list[dict[str, Any]] = []
    with unlocked(session, home) as vault:
        for name in wanted:
            try:
                with audited(home, "backup expire", [name]):
                    gone = expire_one(home, vault, name, rule, [Path(to) for to in told.to], dry_run=dry_run)
                what = "would go" if dry_run else "removed"
                message = f"{len(gone.paths)} files {what}, {gone.size / 1e6:.1f} MB"
                lines.append(line(name, message, files=[str(path) for path in gone.paths], size=gone.size))
            except InvestBotError as error:
                lines.append(line(name, str(error), error.exit_code))
    return session.output.lines(lines)


def _restore_home(session: Session, source: Path, *, allow_older: bool) -> int:
    """Bring back every instance below `source`, and what they share where the home has none of it."""
    from investbot.bootstrap.home_recovery import backed_up, keep_number, recover_shared, recovered_vault
    from investbot.bootstrap.restore import Wish, restore
    from investbot.bootstrap.vault_opening import open_vault

    home = Home(home_path(session))

    def unlock() -> OpenVault:
        return open_vault(home, session.passphrase(home.path), lambda seconds: pause(session, seconds))

    names = backed_up(source)
    with recovered_vault(home, source, unlock) as vault:
        if not home.settings.is_file():
            with audited(home, "backup restore", [], source=str(source)), progress(session.output, "settings") as shown:
                recover_shared(home, vault, source, shown)

        def bring_back(name: str) -> str:
            _demand_stopped(home, name)
            wish = Wish(name, _folders(home, [source]), allow_older=allow_older)
            with audited(home, "backup restore", [name], source=str(source)):
                with progress(session.output, name) as shown:
                    told = restore(home, vault, wish, wall_clock(), user(), shown)
                keep_number(home, told.archive, name)
            return _sentence(told)

        with changing(home):
            lines = each(names, bring_back)
    tell_supervisor(home)
    return session.output.lines(lines)


def _told(session: Session, home: Home, vault: OpenVault, wish: Wish, *, dry_run: bool) -> Restored:
    from investbot.bootstrap.restore import preview
    from investbot.bootstrap.restore import restore as restore_one

    with progress(session.output, wish.target) as shown:
        if dry_run:
            return preview(home, vault, wish, wall_clock(), user(), shown)
        args = {"at": str(wish.point), "as": wish.new_name, "archive": wish.archive and str(wish.archive.path)}
        with audited(home, "backup restore", [wish.name], **args):
            return restore_one(home, vault, wish, wall_clock(), user(), shown)


def _show(session: Session, told: Restored, *, dry_run: bool) -> None:
    if session.output.is_json:
        session.output.value({**told.row(), "dry_run": dry_run})
        return
    for note in told.notes:
        session.output.warn(f"{note.rstrip('.')}.")
    session.output.rows(told.changes, ["what", "now", "then"], "Nothing changes.")
    if dry_run:
        session.output.say(f"Nothing was changed; this is what {told.archive} brings.")
    else:
        session.output.say(f"{told.name} {_sentence(told)}. Next: `investbot start {told.name}`.")


def _sentence(told: Restored) -> str:
    kept = "" if told.replaced is None else f"; what was there is in {told.replaced}"
    return f"restored up to event {told.last_seq} from {told.archive.name}{kept}"


def _demand_stopped(home: Home, name: str) -> None:
    instance = home.instance(name)
    if instance.path.exists() and (is_locked(instance) or is_kept(home, name)):
        message = f"{name} is running; stop it first with `investbot stop {name}`."
        raise ConfigError(message)


def _folders(home: Home, sources: list[Path] | None) -> tuple[Path, ...]:
    """Name where backups may lie: in the home, where copies go, and where the operator says."""
    from investbot.config.fleet import load_fleet

    copies = [Path(to) for to in load_fleet(home.path).backups.to]
    return tuple(dict.fromkeys(path.absolute() for path in (home.backups, *copies, *(sources or ()))))


def _archive(what: str, of: str | None) -> Archive | None:
    """Describe the archive that is meant; None for the name of an instance; UsageError, DataError."""
    from investbot.adapters.backups.shelf import SUFFIX, archive_at
    from investbot.domain.errors import DataError

    if NAME.fullmatch(what) and not what.endswith(SUFFIX):
        return None
    path = Path(what)
    owner = of or path.absolute().parent.name
    if not NAME.fullmatch(owner):
        message = f"Whose archive {what} is cannot be told from its folder; add --of NAME."
        raise UsageError(message)
    try:
        return archive_at(path, owner)
    except FileNotFoundError:
        message = f"There is no archive {what}; `investbot backup list` lists those there are."
        raise DataError(message) from None
