"""The home of this run, the names it was given, and the supervisor of that home."""

from __future__ import annotations

import getpass
import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from investbot.bootstrap.home import Home
from investbot.cli.output import line
from investbot.cli.session import Session
from investbot.config.home import find_home
from investbot.control.client import ControlClient
from investbot.domain.errors import ConfigError, InvestBotError, SupervisorDown, UnknownInstance, UsageError


def home_path(session: Session) -> Path:
    """Say where the home of this run is or would be."""
    environment = session.environment
    data = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    found = find_home(session.options.home, environment, Path.cwd(), Path(data) / "investbot")
    return Path(os.path.normpath(found))


def open_home(session: Session) -> Home:
    """Give the home of this run; ConfigError when there is none yet."""
    home = Home(home_path(session))
    if not home.settings.is_file():
        message = f"There is no home in {home.path}; make one with `investbot init --home {home.path}`."
        raise ConfigError(message)
    return home


def chosen(home: Home, names: Sequence[str] | None, *, every: bool) -> list[str]:
    """Give the names a command is for, each once; UsageError without any, or with names and --all together."""
    if every and names:
        message = "Give names or --all, not both."
        raise UsageError(message)
    if every:
        return names_of(home)
    if not names:
        message = "Name an instance, or give --all; `investbot status` lists those there are."
        raise UsageError(message)
    return list(dict.fromkeys(each for name in names for each in _meant(home, name)))


def tags_of(home: Home, name: str) -> tuple[str, ...]:
    """Read the tags of an instance as they stand in its file; none where that cannot be read."""
    try:
        told = tomllib.loads(home.instance(name).settings.read_text(encoding="utf-8")).get("tags", ())
    except (OSError, ValueError):
        return ()
    return tuple(map(str, told)) if isinstance(told, list) else ()


def _meant(home: Home, name: str) -> list[str]:
    """Give the instance of that name, or those with the tag that `@TAG` names; UnknownInstance when there is none."""
    if not name.startswith("@"):
        return [name]
    found = [each for each in home.names() if name[1:] in tags_of(home, each)]
    if not found:
        message = f"No instance has the tag {name[1:]!r}; `investbot status --json` shows the tags there are."
        raise UnknownInstance(message)
    return found


def names_of(home: Home) -> list[str]:
    """Name all instances; whoever may not look into the home asks its supervisor; SupervisorDown."""
    try:
        return home.names()
    except PermissionError:
        with supervisor(home) as client:
            return [row["name"] for row in client.call("status", names=[])]


def supervisor(home: Home, *, timeout_s: float | None = 180.0) -> ControlClient:
    """Connect to the supervisor of a home; SupervisorDown when none answers."""
    return ControlClient(home.path, timeout_s=timeout_s)


def supervisor_if_up(home: Home) -> ControlClient | None:
    """Connect to the supervisor of a home, if one runs."""
    try:
        return ControlClient(home.path)
    except SupervisorDown:
        return None


def each(names: Sequence[str], work: Callable[[str], str]) -> list[dict[str, Any]]:
    """Do `work` for every name; one that is refused does not keep the others from being served."""
    lines: list[dict[str, Any]] = []
    for name in names:
        try:
            lines.append(line(name, work(name)))
        except InvestBotError as error:
            lines.append(line(name, str(error), error.exit_code))
    return lines


def profile_folders(session: Session) -> tuple[Path, ...]:
    """Name the folders in which profiles are looked for: those of the home, then those that come with the program."""
    from investbot.config.loading import shipped_profiles

    return (Home(home_path(session)).profiles, shipped_profiles())


def user() -> str:
    """Name who gives this command, for the history of settings."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
