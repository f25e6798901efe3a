"""Puts a home and its machine before the doctor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from investbot.bootstrap.home import Home
from investbot.cli.session import Session
from investbot.cli.times import wall_clock
from investbot.control.client import supervisor_answers

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault
    from investbot.doctor.host import Disk, Host

_Found = TypeVar("_Found")


@contextmanager
def host_of(session: Session, home: Home) -> Iterator[Host]:
    """Describe `home`; the vault is opened when a check first needs it, and closed at the end."""
    from investbot.adapters.storage.inspection import inspect
    from investbot.doctor.host import Host

    opened: list[OpenVault] = []

    def with_vault(work: Callable[[OpenVault], _Found]) -> _Found:
        if not opened:
            from investbot.adapters.storage.vault import Vault

            opened.append(Vault.unlock(home.vault, session.passphrase(home.path)))
        return work(opened[0])

    try:
        yield Host(
            home=home.path,
            now=wall_clock(),
            uid=os.getuid(),
            python=(sys.version_info.major, sys.version_info.minor, sys.version_info.micro),
            sqlcipher=_sqlcipher(),
            disk=_disk,
            is_alive=lambda pid: Path(f"/proc/{pid}").exists(),
            supervisor_answers=lambda: supervisor_answers(home.path),
            vault_names=lambda: with_vault(_instances),
            inspect_ledger=lambda name: with_vault(
                lambda vault: inspect(home.instance(name).ledger, vault.data_key(name))
            ),
        )
    finally:
        for vault in opened:
            vault.close()


def _instances(vault: OpenVault) -> tuple[str, ...]:
    """Leave out the keys of copies that were kept of removed instances."""
    return tuple(name for name in vault.names() if not name.startswith("removed/"))


def _disk(path: Path) -> Disk:
    from investbot.doctor.host import Disk

    usage = shutil.disk_usage(path)
    return Disk(usage.free, usage.total)


def _sqlcipher() -> str:
    from investbot.adapters.storage import sqlcipher

    connection = sqlcipher.scratch()
    try:
        version: str = connection.execute("PRAGMA cipher_version").fetchone()[0]
    finally:
        connection.close()
    return version.partition(" ")[0]
