"""Puts a home and its machine before the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from investbot.bootstrap.home import Home
from investbot.cli.fleet import supervisor
from investbot.cli.session import Session
from investbot.cli.store import pause
from investbot.cli.times import wall_clock
from investbot.control.client import supervisor_answers
from investbot.domain.errors import InvestBotError, SupervisorDown, UsageError

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault
    from investbot.doctor.host import Host, VaultState

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

    def inspected(name: str) -> list[str]:
        """Have the supervisor look, who has the keys; without one that can, look here."""
        with suppress(SupervisorDown, UsageError), supervisor(home) as client:
            return [row["finding"] for row in client.rows("inspection", name)]
        return with_vault(lambda vault: inspect(home.instance(name).ledger, vault.data_key(name)))

    try:
        yield this_host(
            home.path,
            wall_clock(),
            sqlcipher=_sqlcipher(),
            supervisor_answers=lambda: supervisor_answers(home.path),
            vault_names=lambda: _named(home) if supervisor_answers(home.path) else with_vault(_instances),
            inspect_ledger=inspected,
            isolation=probe().layers,
            feed_state=lambda: feed_state(home.path),
            secrets=lambda: [each for vault in opened for each in _secrets(home, vault)],
            vault_state=lambda: _vault_state(session, home, is_open=bool(opened)),
        )
    finally:
        for vault in opened:
            vault.close()


def _vault_state(session: Session, home: Home, *, is_open: bool) -> VaultState:
    """Read what needs no passphrase, and judge the passphrase where it is known."""
    from investbot.adapters.storage import vault_file
    from investbot.cli.passphrase import ENVIRONMENT
    from investbot.cli.strength import GOOD_BITS, bits
    from investbot.doctor.host import VaultState

    file = vault_file.load(home.vault)
    known = bits(session.passphrase(home.path)) if is_open else GOOD_BITS
    named = session.options.passphrase_file or session.environment.get(ENVIRONMENT)
    return VaultState(
        version=1 if file.wraps is None else vault_file.VERSION,
        recovery_key=file.wraps is not None and file.wraps.recovery is not None,
        weak_bits=known if known < GOOD_BITS else None,
        passphrase_file=Path(named).expanduser().resolve() if named else None,
        rotating=tuple(sorted(name for name, slots in file.instances.items() if slots.next is not None)),
    )


def _instances(vault: OpenVault) -> tuple[str, ...]:
    return _living(vault.names())


def _named(home: Home) -> tuple[str, ...]:
    """Read the names in the vault, which need no passphrase; VaultError for a file that is none."""
    from investbot.adapters.storage.vault_file import load

    return _living(load(home.vault).instances)


def _living(names: Iterable[str]) -> tuple[str, ...]:
    """Leave out the keys of copies that were kept of removed instances."""
    return tuple(sorted(name for name in names if not name.startswith("removed/")))


def _secrets(home: Home, vault: OpenVault) -> Iterator[str]:
    """Give every text that an open vault keeps from others: its own, and the keys in the store of each instance."""
    from investbot.adapters.storage.secrets import get_secrets

    yield from (text for name in vault.secret_names() if (text := vault.secret_get(name)))
    for name in home.names():
        with suppress(InvestBotError):  # what cannot be read here was told by the checks, and is in no part of a bundle
            yield from get_secrets(home.instance(name).ledger, vault.data_key(name)).values()


def _sqlcipher() -> str:
    from investbot.adapters.storage import sqlcipher

    connection = sqlcipher.scratch()
    try:
        version: str = connection.execute("PRAGMA cipher_version").fetchone()[0]
    finally:
        connection.close()
    return version.partition(" ")[0]
