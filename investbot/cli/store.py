"""The vault and the ledgers of a home, for commands that work without a supervisor."""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from investbot.bootstrap.home import Home, InstanceHome
from investbot.cli.session import Session
from investbot.control.client import ControlClient
from investbot.domain.errors import InvestBotError, SupervisorDown, TryAgain

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault


@contextmanager
def unlocked(session: Session, home: Home) -> Iterator[OpenVault]:
    """Open the vault of a home while the context lasts; VaultError for a wrong passphrase, TryAgain after too many."""
    from investbot.bootstrap.vault_opening import open_vault

    vault = open_vault(home, session.passphrase(home.path), lambda seconds: pause(session, seconds))
    try:
        yield vault
    finally:
        vault.close()


def pause(session: Session, seconds: float) -> None:
    """Wait for the next try after wrong passphrases, and say why."""
    session.output.warn(f"wrong passphrases were tried here; the next try is due in {math.ceil(seconds)} s.")
    time.sleep(seconds)


@contextmanager
def changing(home: Home) -> Iterator[None]:
    """Let only one command at a time change instances of a home or their keys; TryAgain when another one does."""
    descriptor = os.open(home.run.path / "instances.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        message = "Another command is changing the instances of this home or their keys; try again when it is done."
        raise TryAgain(message) from None
    finally:
        os.close(descriptor)


def tell_supervisor(home: Home) -> None:
    """Let a running supervisor read vault and settings anew."""
    try:
        with ControlClient(home.path, timeout_s=10.0) as client:
            client.call("reload")
    except SupervisorDown:
        return


def restart_with(home: Home, name: str) -> None:
    """Let the supervisor start an instance anew and wait until it trades; what keeps it from that comes out."""
    from investbot.control.codec import error_for

    with ControlClient(home.path, timeout_s=None) as client:
        (line,) = client.call("restart", names=[name])
    if line["exit_code"]:
        raise error_for(line["exit_code"], line["message"])


def is_locked(instance: InstanceHome) -> bool:
    """Tell whether a process trades for this instance."""
    from investbot.supervisor.processes import lock_is_held

    return lock_is_held(instance.lock)


def is_kept(home: Home, name: str) -> bool:
    """Tell whether a supervisor runs this instance or is about to start it again."""
    try:
        with ControlClient(home.path, timeout_s=10.0) as client:
            (row,) = client.call("status", names=[name])
    except InvestBotError:
        return False
    return row["state"] in {"STARTING", "RUNNING", "BACKOFF", "STOPPING"}
