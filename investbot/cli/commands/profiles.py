"""`investbot profiles list | show | check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from investbot.cli.fleet import profile_folders
from investbot.cli.registry import FLEET, add, family
from investbot.cli.session import Session
from investbot.domain.errors import ConfigError

if TYPE_CHECKING:
    from investbot.config.mistakes import Mistake


def register(app: typer.Typer) -> None:
    """Add the commands."""
    profiles = family(app, "profiles", "Recipes: those that come with the program and those of the home.", panel=FLEET)
    add(profiles, "list", "investbot profiles list", "investbot profiles list --json")(list_profiles)
    add(profiles, "show", "investbot profiles show conservative")(show)
    add(profiles, "check", "investbot profiles check profiles/example.toml")(check)


def list_profiles(context: typer.Context) -> None:
    """Name every profile and where it is."""
    from investbot.config.loading import load_profile, profile_files

    session: Session = context.obj
    search = profile_folders(session)
    rows = []
    for name, path in profile_files(search).items():
        try:
            description = load_profile(path, search, session.environment).description
        except ConfigError:
            description = f"has mistakes: `investbot profiles check {path}`"
        rows.append({"name": name, "description": description, "file": str(path)})
    session.output.rows(rows, ["name", "description", "file"])


def show(
    context: typer.Context, profile: Annotated[str, typer.Argument(metavar="P", help="A name, or a path.")]
) -> None:
    """Print a profile as it is used: with all it extends, the environment and the defaults."""
    from investbot.config.loading import find_profile, load_profile
    from investbot.config.writer import toml

    session: Session = context.obj
    search = profile_folders(session)
    data = load_profile(find_profile(profile, search), search, session.environment).data()
    if session.output.is_json:
        session.output.value(data)
    else:
        session.output.say(toml(data).rstrip())


def check(
    context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="The profile's file.")]
) -> int:
    """Print every mistake of a profile with its line."""
    from investbot.config.loading import check_profile

    session: Session = context.obj
    if not file.is_file():
        message = f"There is no file {file}; `investbot profiles list` shows where the profiles are."
        raise ConfigError(message)
    search = (file.parent, *profile_folders(session))
    mistakes = check_profile(file, search, session.environment) or _about_strategy(session, file, search)
    if session.output.is_json:
        session.output.value(
            [{"file": each.file, "line": each.line, "key": each.key, "sentence": each.sentence} for each in mistakes]
        )
    else:
        for each in mistakes:
            session.output.say(str(each))
        if not mistakes:
            session.output.say(f"{file}: no mistakes.")
    return ConfigError.exit_code if mistakes else 0


def _about_strategy(session: Session, file: Path, search: tuple[Path, ...]) -> list[Mistake]:
    """Let the strategy look at its own name and parameters."""
    from investbot.bootstrap.assembly import strategy_of
    from investbot.config.loading import load_profile
    from investbot.config.mistakes import Mistake
    from investbot.config.places import places

    try:
        strategy_of(load_profile(file, search, session.environment), file.parent)
    except ConfigError as error:
        lines = places(file.read_text(encoding="utf-8-sig"))
        line = min((at for path, at in lines.items() if path[0] == "strategy"), default=1)
        return [Mistake(str(file), line, "strategy", str(error))]
    return []
