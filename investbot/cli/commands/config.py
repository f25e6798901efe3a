"""`investbot config set | apply | history | diff | rollback`: every version of an instance's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.bootstrap.home import Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Name, Yes
from investbot.cli.fleet import open_home, supervisor_if_up, user
from investbot.cli.registry import MONEY, add, family
from investbot.cli.session import Session
from investbot.cli.times import wall_clock
from investbot.domain.errors import ConfigError, InvestBotError
from investbot.domain.times import rfc3339

if TYPE_CHECKING:
    from investbot.config.instance import InstanceConfig
    from investbot.config.versions import Change

Version = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="A number of the history.")]
NOW, START = "now", "next start"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    config = family(app, "config", "Versions of an instance's settings.", panel=MONEY)
    add(config, "set", "investbot config set alpha risk.max_open_positions=2 market.timeframe=5m")(set_)
    add(config, "apply", "investbot config apply alpha")(apply)
    add(config, "history", "investbot config history alpha")(history)
    add(config, "diff", "investbot config diff alpha", "investbot config diff alpha 1 2")(diff)
    add(config, "rollback", "investbot config rollback alpha 1")(rollback)


def set_(
    context: typer.Context,
    name: Name,
    values: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Such as risk.risk_fraction=0.005.")],
    yes: Yes = False,
) -> None:
    """Change settings; a new version, which a running instance takes in at once as far as that is safe.

    Says of each key whether it is applied now or at the next start. Real money needs --yes to be changed at once.
    """
    from investbot.cli.fitness import check_fit
    from investbot.config.instance import set_values
    from investbot.config.versions import change

    session: Session = context.obj
    home = open_home(session)
    folder = home.existing(name).path
    before: list[InstanceConfig] = []

    def edit(config: InstanceConfig) -> InstanceConfig:
        before.append(config)
        changed = set_values(config, values)
        check_fit(changed, home.profiles)
        return changed

    with audited(home, "config set", [name], values=values):
        saved = change(folder, edit, wall_clock(), user(), "set " + " ".join(values))
    _tell(session, home, before[0], saved, yes=yes)


def apply(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Let a running instance take in its newest settings, also those edited by hand, as far as that is safe."""
    from investbot.cli.fitness import check_fit
    from investbot.config.versions import load_version, record_edits

    session: Session = context.obj
    home = open_home(session)
    folder = home.existing(name).path
    with audited(home, "config apply", [name]):
        config = record_edits(folder, wall_clock())
        check_fit(config, home.profiles)
    try:
        before = load_version(folder, max(1, config.version - 1))
    except ConfigError:
        before = config
    _tell(session, home, before, config, yes=yes)


def history(context: typer.Context, name: Name) -> None:
    """List all versions, who made each and why, and what each changed."""
    from investbot.config.instance import load_instance
    from investbot.config.versions import changes, stored_recipe_digest
    from investbot.config.versions import history as versions

    session: Session = context.obj
    folder = open_home(session).existing(name).path
    try:
        in_force = load_instance(folder).version
    except ConfigError:
        in_force = 0
    rows = []
    whole = 0
    for each in versions(folder):
        told = [str(change) for change in changes(folder, whole, each.number)] if whole and each.intact else []
        whole = each.number if each.intact else whole
        rows.append(
            {
                "version": each.number,
                "at": rfc3339(each.at),
                "by": each.by,
                "why": each.why,
                "sha256": each.digest,
                "recipe_sha256": stored_recipe_digest(folder, each.number) if each.intact else None,
                "intact": each.intact,
                "in_force": each.number == in_force,
                "changes": told,
            }
        )
    session.output.rows(rows, ["version", "at", "by", "why", "in_force", "intact"])


def diff(
    context: typer.Context,
    name: Name,
    before: Annotated[int | None, typer.Argument(metavar="[OLD]", min=1, help="Left out: the one before NEW.")] = None,
    after: Annotated[int | None, typer.Argument(metavar="[NEW]", min=1, help="Left out: the one in force.")] = None,
) -> None:
    """Show which keys differ between two versions."""
    from investbot.config.instance import load_instance
    from investbot.config.versions import changes, load_version
    from investbot.config.versions import diff as between

    session: Session = context.obj
    folder = open_home(session).existing(name).path
    if after is None:
        new = load_instance(folder)
        found = between(load_version(folder, max(1, new.version - 1) if before is None else before), new)
    else:
        found = changes(folder, max(1, after - 1) if before is None else before, after)
    rows = [
        {"key": each.key, "before": each.before, "after": each.after}
        for each in found
        if each.key != "instance.version"
    ]
    session.output.rows(rows, ["key", "before", "after"], "The two are alike.")


def rollback(context: typer.Context, name: Name, version: Version, yes: Yes = False) -> None:
    """Take an earlier version's settings again, as a new version; name and capital stay."""
    from investbot.cli.fitness import check_fit
    from investbot.config.versions import current
    from investbot.config.versions import rollback as roll

    session: Session = context.obj
    home = open_home(session)
    folder = home.existing(name).path
    before = current(folder)
    with audited(home, "config rollback", [name], version=version):
        saved = roll(folder, version, wall_clock(), user(), lambda config: check_fit(config, home.profiles))
    _tell(session, home, before, saved, yes=yes)


def _tell(session: Session, home: Home, before: InstanceConfig, saved: InstanceConfig, *, yes: bool) -> None:
    """Let the instance take its settings in where it runs, and say of each key when it takes effect."""
    from investbot.config.versions import diff as between

    name = saved.name
    waiting, why, fix = _taken_in(home, name, yes=yes)
    rows = [_row(each, waiting) for each in between(before, saved) if not each.key.startswith("instance.")]
    if session.output.is_json:
        session.output.value({"name": name, "version": saved.version, "changes": rows})
        return
    session.output.say(f"{name} has version {saved.version} of its settings.")
    for row in rows:
        when = "applied now" if row["takes_effect"] == NOW else f"at the next start (`{fix}`)"
        session.output.say(f"{row['key']}: {row['before'] or 'unset'} -> {row['after'] or 'unset'}: {when}")
    if why and any(row["takes_effect"] == START for row in rows):
        session.output.say(why)


def _row(change: Change, waiting: Sequence[str] | None) -> dict[str, Any]:
    effect = START if waiting is None or change.key in waiting else NOW
    return {"key": change.key, "before": change.before, "after": change.after, "takes_effect": effect}


def _taken_in(home: Home, name: str, *, yes: bool) -> tuple[list[str] | None, str, str]:
    """Ask the instance to take its settings in: the keys that wait (None: all), why, and what applies them."""
    client = supervisor_if_up(home)
    start, restart = f"investbot start {name}", f"investbot restart {name}"
    if client is None:
        return None, "", start
    with client:
        try:
            told = client.call("configure", name=name, yes=yes, by=user())
        except InvestBotError as error:  # it is starting, or of another version: the settings are stored all the same
            return None, str(error), restart
    if not told["running"]:
        return None, "", start
    if "version" in told:
        return [text.partition(": ")[0] for text in told["waiting"]], "", restart
    return None, f"{name} trades real money: `investbot config apply {name} --yes` applies what is safe now.", restart
