"""Puts a home and its machine before the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from investbot.bootstrap.home import Home
from investbot.cli.session import Session
from investbot.cli.store import pause
from investbot.cli.times import wall_clock
from investbot.control.client import supervisor_answers

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault
    from investbot.doctor.host import Host

_Found = TypeVar("_Found")


@contextmanager
def host_of(session: Session, home: Home) -> Iterator[Host]:
    """Describe `home`; the vault is opened when a check first needs it, and closed at the end."""
    from investbot.adapters.isolation.confine import probe
    from investbot.adapters.storage.inspection import inspect
    from investbot.bootstrap.vault_opening import open_vault
    from investbot.control.feed_link import feed_state
    from investbot.doctor.system import this_host

    opened: list[OpenVault] = []

    def with_vault(work: Callable[[OpenVault], _Found]) -> _Found:
        if not opened:
            passphrase = session.passphrase(home.path)
            opened.append(open_vault(home, passphrase, lambda seconds: pause(session, seconds)))
        return work(opened[0])

    try:
        yield this_host(
            home.path,
            wall_clock(),
            sqlcipher=_sqlcipher(),
            supervisor_answers=lambda: supervisor_answers(home.path),
            vault_names=lambda: with_vault(_instances),
            inspect_ledger=lambda name: with_vault(
                lambda vault: inspect(home.instance(name).ledger, vault.data_key(name))
            ),
            isolation=probe().layers,
            feed_state=lambda: feed_state(home.path),
        )
    finally:
        for vault in opened:
            vault.close()


def _instances(vault: OpenVault) -> tuple[str, ...]:
    """Leave out the keys of copies that were kept of removed instances."""
    return tuple(name for name in vault.names() if not name.startswith("removed/"))


def _sqlcipher() -> str:
    from investbot.adapters.storage import sqlcipher

    connection = sqlcipher.scratch()
    try:
        version: str = connection.execute("PRAGMA cipher_version").fetchone()[0]
    finally:
        connection.close()
    return version.partition(" ")[0]
