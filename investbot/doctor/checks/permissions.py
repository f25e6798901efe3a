"""Nobody but the operator may read, enter or change a home."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from investbot.config.fleet import load_fleet
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import ConfigError

NAME = "permissions"
SOCKET = "supervisor.sock"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WHY = "other users of this machine could read or change what InvestBot trusts"
_FEW = 5


def check(host: Host) -> list[Issue]:
    """Look at the owner and the mode of everything private."""
    states = dict(_states(host))
    shared = _shared(host)
    loose = [
        path
        for path, state in states.items()
        if state.st_mode & _OTHERS & ~shared.get(path, 0) and not stat.S_ISLNK(state.st_mode)
    ]
    strange = [path for path, state in states.items() if state.st_uid != host.uid]
    found: list[Issue] = []
    if loose:
        fix = _command(host, loose, "chmod go=", "-perm /077 ! -type l")
        found.append(Issue(NAME, Level.ERROR, f"{_told(host, loose)} open to others", _WHY, fix))
    if strange:
        fix = _command(host, strange, f"sudo chown -h {host.uid}", f"! -uid {host.uid}")
        found.append(Issue(NAME, Level.ERROR, f"{_told(host, strange)} not yours", _WHY, fix))
    return found or [Issue(NAME, Level.OK, f"{len(states)} files and folders are yours alone")]


def _shared(host: Host) -> dict[Path, int]:
    """Give the rights of others that are meant: the way to the socket, where [control] lets somebody else in."""
    try:
        told = load_fleet(host.home).control
    except ConfigError:
        return {}
    if not (told.admins or told.readers):
        return {}
    way = stat.S_IXGRP | stat.S_IXOTH
    return {host.home: way, host.run: way, host.run / SOCKET: 0o066}


def _states(host: Host) -> Iterator[tuple[Path, os.stat_result]]:
    for path in _private(host):
        try:
            yield path, path.lstat()
        except FileNotFoundError:  # a running instance comes and goes with its files
            continue


def _private(host: Host) -> Iterator[Path]:
    yield from (host.home, host.fleet_file, host.vault_file, host.instances)
    for folder in (host.run, *host.folders()):
        yield folder
        yield from sorted(folder.rglob("*"))


def _told(host: Host, paths: list[Path]) -> str:
    first = str(paths[0].relative_to(host.home)) if paths[0] != host.home else str(host.home)
    return f"{first} is" if len(paths) == 1 else f"{first} and {len(paths) - 1} more are"


def _command(host: Host, paths: list[Path], change: str, which: str) -> str:
    """Name the files where they are few; never -R on the home, which may be a checkout with files of its own."""
    if len(paths) <= _FEW:
        return f"{change} {_quoted(paths)}"
    own = [path for path in (host.home, host.fleet_file, host.vault_file) if path in paths]
    first = f"{change} {_quoted(own)} && " if own else ""
    return f"{first}find {_quoted([host.instances, host.run])} {which} -exec {change} {{}} +"


def _quoted(paths: list[Path]) -> str:
    return " ".join(shlex.quote(str(path)) for path in paths)
