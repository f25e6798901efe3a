"""Where the passphrase comes from: a file, the service's credential, the keyring, a hidden prompt; never argv."""

from __future__ import annotations

import getpass
import importlib
import importlib.util
import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from investbot.domain.errors import Locked, UsageError

ENVIRONMENT = "INVESTBOT_PASSPHRASE_FILE"
CREDENTIAL = "investbot-passphrase"
KEYRING_SERVICE = "investbot"


def find_passphrase(
    file: Path | None, home: Path, environment: Mapping[str, str], warn: Callable[[str], None], *, new: bool = False
) -> str:
    """Give the passphrase of a home; `new` asks for it twice at a prompt. Locked when there is none to be had."""
    named = file or _named(environment)
    if named is not None:
        # The manager of services gives a credential to one service only, by an access list that looks like a group's.
        given = environment.get("CREDENTIALS_DIRECTORY")
        return read_passphrase(named, _silent if given and named.parent == Path(given) else warn)
    stored = None if new else _from_keyring(home)
    if stored:
        return stored
    if not (sys.stdin.isatty() or sys.stderr.isatty()):
        message = (
            "The vault needs its passphrase and no terminal is there to ask on: name a file with --passphrase-file."
        )
        raise Locked(message)
    return ask_new_passphrase() if new else _not_empty(getpass.getpass("Passphrase: "), "the prompt")


def ask_new_passphrase() -> str:
    """Ask twice on the terminal, hidden; UsageError when the two differ."""
    first = _not_empty(getpass.getpass("New passphrase: "), "the prompt")
    if getpass.getpass("The same again: ") != first:
        message = "The two passphrases differ: run the command again."
        raise UsageError(message)
    return first


def read_passphrase(file: Path, warn: Callable[[str], None]) -> str:
    """Read a passphrase file; one newline at its end does not belong to it. Locked when it cannot be used."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(65_536)
    except OSError as error:
        message = f"The passphrase file {file} cannot be read ({error.strerror}): name another with --passphrase-file."
        raise Locked(message) from None
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        warn(f"the passphrase file {file} can be read by others; run `chmod 600 {file}`.")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        message = f"The passphrase file {file} is not UTF-8 text: write the passphrase into it with an editor."
        raise Locked(message) from None
    return _not_empty(text.removesuffix("\n").removesuffix("\r"), f"the file {file}")


def _named(environment: Mapping[str, str]) -> Path | None:
    if environment.get(ENVIRONMENT):
        return Path(environment[ENVIRONMENT]).expanduser()
    if folder := environment.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder) / CREDENTIAL
        return credential if credential.exists() else None
    return None


def _silent(_: str) -> None:
    pass


def _from_keyring(home: Path) -> str | None:
    # An optional extra: without it, or without a keyring service to talk to, the next source is asked.
    if importlib.util.find_spec("keyring") is None:
        return None
    keyring = importlib.import_module("keyring")
    try:
        stored: str | None = keyring.get_password(KEYRING_SERVICE, str(home.resolve()))
    except keyring.errors.KeyringError:
        return None
    return stored


def _not_empty(passphrase: str, source: str) -> str:
    if not passphrase:
        message = f"The passphrase from {source} is empty: a vault needs one."
        raise Locked(message)
    return passphrase
