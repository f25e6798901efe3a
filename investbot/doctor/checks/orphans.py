"""Folders and keys belong together: no instance without a key, no key without an instance."""

from __future__ import annotations

import shlex
from pathlib import Path

from investbot.config.instance import INSTANCE_FILE
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import Locked, VaultError, WrongPassphrase

NAME = "orphans"


def check(host: Host) -> list[Issue]:
    """Compare the folders of instances with the names in the vault."""
    try:
        keys = set(host.vault_names())
    except Locked as error:
        why = "keys and ledgers cannot be compared"
        level = Level.ERROR if isinstance(error, WrongPassphrase) else Level.WARNING
        return [Issue(NAME, level, str(error).rstrip("."), why, "investbot doctor --passphrase-file FILE")]
    except VaultError as error:
        why = "without it no ledger opens"
        return [Issue(NAME, Level.ERROR, str(error).rstrip("."), why, _copy(host.vault_file))]
    found: list[Issue] = []
    names = set(host.names())
    for folder in host.folders():
        if folder.name.startswith("."):
            what = f"{folder.name} is left over from a command that was cut off"
            fix = f"rm -r {shlex.quote(str(folder))}"
            found.append(Issue(NAME, Level.WARNING, what, "it takes room and serves nothing", fix))
        elif folder.name not in names:
            what = f"{folder.name} has no {INSTANCE_FILE}"
            why = "no command knows it; its ledger may hold a history"
            fix = (
                f"investbot config history {folder.name}"
                if (folder / "versions").is_dir()
                else f"ls -la {shlex.quote(str(folder))}"
            )
            found.append(Issue(NAME, Level.WARNING, what, why, fix))
    for name in sorted(names):
        folder = host.instances / name
        if name not in keys:
            why = "its ledger cannot be opened"
            fix = _copy(host.vault_file)
            found.append(Issue(NAME, Level.ERROR, f"the vault has no key for {name}", why, fix))
        elif not (folder / "ledger.db").is_file():
            why = "it cannot start: its history is gone"
            found.append(Issue(NAME, Level.ERROR, f"{name} has no ledger", why, _copy(folder / "ledger.db")))
    known = names | {folder.name for folder in host.folders()}
    found += [
        Issue(
            NAME,
            Level.WARNING,
            f"the vault has a key for {name}, and there is no such instance",
            "its folder was taken away by hand",
            _copy(host.instances / name),
        )
        for name in sorted(keys - known)
    ]
    return found or [Issue(NAME, Level.OK, f"{len(names)} instances have their key and their ledger")]


def _copy(path: Path) -> str:
    return f"cp -a COPY {shlex.quote(str(path))}"
