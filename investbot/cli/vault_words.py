"""What is asked and shown around the vault: a new passphrase, and the words of a recovery key."""

from __future__ import annotations

import getpass
import importlib.util
import os
import sys
from pathlib import Path

from investbot.cli.output import Face
from investbot.cli.passphrase import CREDENTIAL, ENVIRONMENT, ask_new_passphrase, read_passphrase
from investbot.cli.session import Session
from investbot.cli.strength import demand_strong
from investbot.domain.errors import DataError, Locked, UsageError

_LONGEST = 4096
_A_ROW = 6


def new_passphrase(session: Session, file: Path | None, *, weak: bool) -> str:
    """Read or ask for a new passphrase and judge it; Locked where nobody can be asked, VaultError for a weak one."""
    if file is None and not session.can_ask:
        message = "There is no terminal to ask on: name a file with --new-passphrase-file."
        raise Locked(message)
    new = ask_new_passphrase() if file is None else read_passphrase(file.expanduser(), session.output.warn)
    session.secrets.append(new)
    judge(session, new, weak=weak)
    return new


def judge(session: Session, new: str, *, weak: bool) -> None:
    """Refuse a passphrase that is guessed too easily, unless it is meant, or warn of it; VaultError."""
    advice = demand_strong(new, weak=weak)
    if advice:
        session.output.warn(advice)


def tell_what_else(session: Session) -> None:
    """Name what still has the passphrase of before: starts without an operator would read it there."""
    environment = session.environment
    place = session.options.passphrase_file or environment.get(ENVIRONMENT)
    if place:
        session.output.warn(f"{place} still has the old passphrase; starts that read it need the new one there.")
    elif environment.get("CREDENTIALS_DIRECTORY"):
        session.output.warn(
            f"the credential {CREDENTIAL} still has the old passphrase; make it anew with systemd-creds."
        )
    elif importlib.util.find_spec("keyring") is not None:
        session.output.warn("if the keyring holds the old passphrase, put the new one there.")
    session.output.warn(
        "backups of the vault from before open with the old one; make one now with `investbot backup create --all`."
    )


def demand_a_person(session: Session) -> None:
    """Refuse to print words where a program would keep them; UsageError."""
    if session.output.face is not Face.HUMAN:
        message = "The words of a recovery key are shown to a person only: leave --json and --quiet away."
        raise UsageError(message)


def show_words(seed: bytes) -> None:
    """Print the words of a recovery key, numbered, once; they stand nowhere else."""
    from investbot.adapters.storage.recovery_words import to_words

    numbered = [f"{number:>2} {word}" for number, word in enumerate(to_words(seed), 1)]
    rows = ["   ".join(numbered[at : at + _A_ROW]) for at in range(0, len(numbered), _A_ROW)]
    sys.stdout.write(
        "Recovery key: it opens the vault without the passphrase. It is shown once and kept nowhere.\n"
        "Write it down by hand, away from this machine and from its backups.\n\n"
        + "".join(f"  {row}\n" for row in rows)
        + "\n`investbot vault recover` asks for it.\n"
    )


def asked_words(session: Session, source: str | None) -> list[str]:
    """Read the words of a recovery key, numbers or not; UsageError where nobody can be asked, DataError."""
    if source is None and not session.can_ask:
        message = "There is no terminal to ask on: give the words with --words-file FILE, or --words-file - for stdin."
        raise UsageError(message)
    text = getpass.getpass("Recovery key (24 words): ") if source is None else _content(source)
    words = [word for word in text.split() if not word.strip(".:)").isdigit()]
    session.secrets += words
    return words


def _content(source: str) -> str:
    try:
        if source == "-":
            return sys.stdin.buffer.read(_LONGEST).decode()
        descriptor = os.open(Path(source).expanduser(), os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_LONGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        message = f"The words cannot be read from {source}: {why}."
        raise DataError(message) from None
