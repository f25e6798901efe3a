"""The files an operator writes can be read, and say what was decided."""

from __future__ import annotations

import shlex
from pathlib import Path

from investbot.config.fleet import check_fleet
from investbot.config.instance import INSTANCE_FILE, check_instance, load_instance
from investbot.config.loading import check_profile, shipped_profiles
from investbot.config.mistakes import Mistake
from investbot.config.versions import history, load_version
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import ConfigError

NAME = "settings"


def check(host: Host) -> list[Issue]:
    """Read investbot.toml, every instance's settings with their versions, and the home's profiles."""
    found: list[Issue] = []
    mistakes = check_fleet(host.home)
    if mistakes:
        found.append(Issue(NAME, Level.ERROR, _told(mistakes), "no command works in this home", _edit(host.fleet_file)))
    for name in host.names():
        found += _instance(name, host.instances / name)
    profiles = sorted((host.home / "profiles").glob("*.toml"))
    for path in profiles:
        mistakes = check_profile(path, (path.parent, shipped_profiles()))
        if mistakes:
            fix = f"investbot profiles check {shlex.quote(str(path))}"
            why = "no instance can be made from this profile"
            found.append(Issue(NAME, Level.WARNING, _told(mistakes), why, fix))
    files = 1 + len(host.names()) + len(profiles)
    return found or [Issue(NAME, Level.OK, f"{files} files have no mistakes")]


def _instance(name: str, folder: Path) -> list[Issue]:
    path = folder / INSTANCE_FILE
    versions = history(folder)
    found: list[Issue] = []
    damaged = [str(version.number) for version in versions if not version.intact]
    if damaged:
        what = f"{name}: version {', '.join(damaged)} of the settings is not what was written"
        found.append(Issue(NAME, Level.WARNING, what, "there is no way back to it", f"investbot config history {name}"))
    whole = [version.number for version in versions if version.intact]
    back = f"investbot config rollback {name} {whole[-1]}" if whole else _edit(path)
    mistakes = check_instance(folder)
    if mistakes:
        return [*found, Issue(NAME, Level.ERROR, _told(mistakes), f"{name} cannot start", back)]
    return found + _against_history(name, path, back)


def _against_history(name: str, path: Path, back: str) -> list[Issue]:
    config = load_instance(path.parent)
    if config.name != name:
        what = f"{path} says it is of {config.name}"
        return [Issue(NAME, Level.ERROR, what, "it would trade under another's name", _edit(path))]
    why = "the history does not say who changed it, and when"
    try:
        stored = load_version(path.parent, config.version)
    except ConfigError:
        what = f"{name}: version {config.version} of the settings is not in the history"
        return [Issue(NAME, Level.WARNING, what, why, back)]
    if stored == config:
        return []
    what = f"{path} was edited by hand after version {config.version}"
    return [Issue(NAME, Level.WARNING, what, why, f"investbot config apply {name}")]


def _told(mistakes: list[Mistake]) -> str:
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{str(mistakes[0]).rstrip('.')}{more}"


def _edit(path: Path) -> str:
    return f"${{EDITOR:-vi}} {shlex.quote(str(path))}"
