"""`investbot config set | history | diff | rollback`: every version of an instance's settings."""

from __future__ import annotations

from typing import Annotated

import typer

from investbot.cli.auditing import audited
from investbot.cli.choices import Name
from investbot.cli.fleet import open_home, user
from investbot.cli.registry import MONEY, add, family
from investbot.cli.session import Session
from investbot.cli.times import wall_clock
from investbot.domain.times import rfc3339

Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="A number of the history.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    config = family(app, "config", "Versions of an instance's settings.", panel=MONEY)
    add(config, "set", "investbot config set alpha risk.max_open_positions=2 market.timeframe=5m")(set_)
    add(config, "history", "investbot config history alpha")(history)
    add(config, "diff", "investbot config diff alpha", "investbot config diff alpha 1 2")(diff)
    add(config, "rollback", "investbot config rollback alpha 1")(rollback)


def set_(
    context: typer.Context,
    name: Name,
    values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Such as risk.risk_fraction=0.005.")],
) -> None:
    """Change settings; a new version that the next start of the instance uses."""
    from investbot.cli.fitness import check_fit
    from investbot.config.instance import load_instance, set_values
    from investbot.config.versions import save

    session: Session = context.obj
    home = open_home(session)
    folder = home.existing(name).path
    with audited(home, "config set", [name], values=values):
        changed = set_values(load_instance(folder), values)
        check_fit(changed, home.profiles)
        saved = save(folder, changed, wall_clock(), user(), "set " + " ".join(values))
    _tell(session, name, saved.version)


def history(context: typer.Context, name: Name) -> None:
    """List all versions, who made each and why."""
    from investbot.config.versions import history as versions

    session: Session = context.obj
    rows = [
        {
            "version": each.number,
            "at": rfc3339(each.at),
            "by": each.by,
            "why": each.why,
            "sha256": each.digest,
            "intact": each.intact,
        }
        for each in versions(open_home(session).existing(name).path)
    ]
    session.output.rows(rows, ["version", "at", "by", "why", "intact"])


def diff(
    context: typer.Context,
    name: Name,
    before: Annotated[int | None, typer.Argument(metavar="[OLD]", min=1, help="Left out: the one before NEW.")] = None,
    after: Annotated[int | None, typer.Argument(metavar="[NEW]", min=1, help="Left out: the one in force.")] = None,
) -> None:
    """Show which keys differ between two versions."""
    from investbot.config.instance import load_instance
    from investbot.config.versions import diff as changes
    from investbot.config.versions import load_version

    session: Session = context.obj
    folder = open_home(session).existing(name).path
    new = load_instance(folder) if after is None else load_version(folder, after)
    old = load_version(folder, max(1, new.version - 1) if before is None else before)
    rows = [
        {"key": each.key, "before": each.before, "after": each.after}
        for each in changes(old, new)
        if each.key != "instance.version"
    ]
    session.output.rows(rows, ["key", "before", "after"], "The two are alike.")


def rollback(context: typer.Context, name: Name, version: Version) -> None:
    """Take an earlier version's settings again, as a new version; name and capital stay."""
    from investbot.config.versions import rollback as roll

    session: Session = context.obj
    home = open_home(session)
    with audited(home, "config rollback", [name], version=version):
        saved = roll(home.existing(name).path, version, wall_clock(), user())
    _tell(session, name, saved.version)


def _tell(session: Session, name: str, version: int) -> None:
    if session.output.is_json:
        session.output.value({"name": name, "version": version})
    session.output.say(f"{name} has version {version} of its settings; `investbot restart {name}` uses it.")
