"""`investbot vault status | passphrase | rotate | recovery-key | recover`."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.bootstrap.home import Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Every, Names, Yes
from investbot.cli.fleet import chosen, each, home_path, open_home
from investbot.cli.registry import MONEY, add, family
from investbot.cli.session import Session
from investbot.cli.store import changing, is_kept, is_locked, tell_supervisor, unlocked
from investbot.cli.vault_words import asked_words, demand_a_person, new_passphrase, show_words, tell_what_else
from investbot.domain.errors import AlreadyExists, ConfigError

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault

WHY_ROTATE = (
    "Whoever has a copy of the vault as it was until now, and its passphrase, can still open what today's keys open: "
    "the keys themselves did not change. Rotating them copies every ledger to a new key; no instance may run meanwhile."
)

NewFile = Annotated[
    Path | None,
    typer.Option("--new-passphrase-file", metavar="FILE", help="Read the new passphrase here; unset: asked for."),
]
Weak = Annotated[bool, typer.Option("--weak", help="Take a passphrase that is guessed easily.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    vault = family(app, "vault", "The vault that holds the keys of all ledgers.", panel=MONEY)
    add(vault, "status", "investbot vault status", "investbot vault status --json")(status)
    example = "investbot vault passphrase --new-passphrase-file new.txt"
    add(vault, "passphrase", f"{example} --keep-keys", f"{example} --rotate-keys")(passphrase)
    add(vault, "rotate", "investbot vault rotate alpha", "investbot vault rotate --all")(rotate)
    add(vault, "recovery-key", "investbot vault recovery-key --yes")(recovery_key)
    add(vault, "recover", "investbot vault recover --words-file words.txt --new-passphrase-file new.txt")(recover)


def status(context: typer.Context) -> None:
    """Say what the vault holds and how its passphrase is stretched; proves the passphrase."""
    from investbot.adapters.storage import vault_file

    session: Session = context.obj
    home = open_home(session)
    with unlocked(session, home) as opened:
        file = vault_file.load(home.vault)
        names = home.names()
        session.output.record(
            {
                "file": str(home.vault),
                "mode": f"{stat.S_IMODE(home.vault.stat().st_mode):04o}",
                "version": 1 if file.wraps is None else vault_file.VERSION,
                "kdf": "argon2id",
                "memory_kib": file.cost.memory_kib,
                "iterations": file.cost.iterations,
                "lanes": file.cost.lanes,
                "recovery_key": file.wraps is not None and file.wraps.recovery is not None,
                "instances": [name for name in opened.names() if name in names],
                "other_keys": [name for name in opened.names() if name not in names],
                "rotating": [name for name, slots in sorted(file.instances.items()) if slots.next is not None],
                "secrets": list(opened.secret_names()),
            }
        )


def passphrase(
    context: typer.Context,
    new_file: NewFile = None,
    rotate_keys: Annotated[
        bool | None,
        typer.Option("--rotate-keys/--keep-keys", help="Make all keys anew as well, for an old copy holds them."),
    ] = None,
    weak: Weak = False,
) -> int:
    """Let another passphrase open the vault, and the one of before no more.

    A copy of the vault from before, with its passphrase, still holds today's keys: --rotate-keys makes all of them
    anew and copies every ledger, with the supervisor down. Earlier backups still open.
    """
    session: Session = context.obj
    home = open_home(session)
    with unlocked(session, home) as vault:
        new = new_passphrase(session, new_file, weak=weak)
        if rotate_keys is None and session.can_ask:
            rotate_keys = session.agrees(f"{WHY_ROTATE}\nRotate all keys now?")
        if rotate_keys:
            lines = _renew(session, home, vault, new)
        else:
            from investbot.adapters.storage.vault_ways import change_passphrase

            with audited(home, "vault passphrase", []):
                change_passphrase(vault, new)
            lines = []
    if session.output.is_json:
        session.output.value({"changed": True, "rotated": [line["name"] for line in lines if line["ok"]]})
    session.output.say("The new passphrase opens the vault, and the old one does not.")
    tell_what_else(session)
    if rotate_keys is None:
        session.output.warn(f"{WHY_ROTATE} `investbot vault passphrase --rotate-keys` does it.")
    return max((line["exit_code"] for line in lines), default=0)


def rotate(context: typer.Context, names: Names = None, every: Every = False) -> int:
    """Give instances that do not run a new data key: a whole copy of the ledger, compared, takes its place.

    --all also takes the copies that were kept of removed instances. A kill at any moment leaves the ledger under the
    old key or the new one, and the next command knows which. Backups open as before.
    """
    session: Session = context.obj
    home = open_home(session)
    wanted = chosen(home, names, every=every)
    with changing(home), unlocked(session, home) as vault:
        wanted += _kept(vault) if every else []
        with session.output.working("Copying and comparing …"):
            lines = each(wanted, lambda name: _rotate(home, vault, name))
    code = session.output.lines(lines)
    if any(line["ok"] for line in lines):
        tell_supervisor(home)
        session.output.warn(
            "a backup of the vault from before has not these keys; make one: investbot backup create --all"
        )
    return code


def recovery_key(context: typer.Context, yes: Yes = False) -> None:
    """Make a recovery key and print it once: 24 words that open the vault when the passphrase is forgotten.

    A recovery key of before opens nothing from now on.
    """
    from investbot.adapters.storage.vault_file import load
    from investbot.adapters.storage.vault_ways import add_recovery

    session: Session = context.obj
    demand_a_person(session)
    home = open_home(session)
    with unlocked(session, home) as vault:
        wraps = load(home.vault).wraps
        if wraps is not None and wraps.recovery is not None:
            session.confirm("Make a new recovery key? The words of before will open nothing.", yes=yes)
        with audited(home, "vault recovery-key", []):
            seed = add_recovery(vault)
    show_words(seed)


def recover(
    context: typer.Context,
    words_file: Annotated[
        str | None,
        typer.Option("--words-file", metavar="FILE|-", help="Read the 24 words here; unset: asked for, hidden."),
    ] = None,
    new_file: NewFile = None,
    weak: Weak = False,
) -> None:
    """Open the vault with the words of its recovery key and set a new passphrase."""
    from investbot.adapters.storage.recovery_words import from_words
    from investbot.adapters.storage.vault import Vault
    from investbot.adapters.storage.vault_ways import change_passphrase

    session: Session = context.obj
    home = Home(home_path(session))
    if not home.vault.is_file():  # a vault that was taken from a backup opens before the rest of its home is back
        home = open_home(session)
    words = asked_words(session, words_file)
    with audited(home, "vault recover", []):
        vault = Vault.recover(home.vault, from_words(words))
        try:
            change_passphrase(vault, new_passphrase(session, new_file, weak=weak))
        finally:
            vault.close()
    if session.output.is_json:
        session.output.value({"recovered": True})
    session.output.say("The new passphrase opens the vault. The recovery key stays good: keep it as safe as before.")


def _renew(session: Session, home: Home, vault: OpenVault, new: str) -> list[dict[str, Any]]:
    """Make every key anew, with nobody about who holds an old one."""
    from investbot.adapters.storage.vault_ways import renew
    from investbot.control.server import HomeLock

    with changing(home):
        try:
            lock = HomeLock(home.path)
        except AlreadyExists:
            message = "All keys are rotated only while the supervisor is down; end it first with `investbot down`."
            raise ConfigError(message) from None
        try:
            running = [name for name in home.names() if is_locked(home.instance(name))]
            if running:
                message = f"{', '.join(running)} runs; stop it first with `investbot stop {' '.join(running)}`."
                raise ConfigError(message)
            with audited(home, "vault passphrase", [], rotate_keys=True):
                renew(vault, new)
            with session.output.working("Copying and comparing …"):
                lines = each([*home.names(), *_kept(vault)], lambda name: _rotate(home, vault, name))
        finally:
            lock.close()
    if not session.output.is_json:
        session.output.lines(lines)
    if any(not line["ok"] for line in lines):
        session.output.warn("some ledgers have their old keys still; `investbot vault rotate` tries them again.")
    return lines


def _rotate(home: Home, vault: OpenVault, name: str) -> str:
    from investbot.bootstrap.vault_opening import REMOVED, rotate_data_key

    if not name.startswith(REMOVED) and (is_locked(home.existing(name)) or is_kept(home, name)):
        message = f"{name} is running; stop it first with `investbot stop {name}`."
        raise ConfigError(message)
    try:
        with audited(home, "vault rotate", [name]):
            return rotate_data_key(home, vault, name)
    except OSError as error:
        message = f"{name} cannot be rotated: {error.strerror}."
        raise ConfigError(message) from None


def _kept(vault: OpenVault) -> list[str]:
    from investbot.bootstrap.vault_opening import REMOVED

    return [name for name in vault.names() if name.startswith(REMOVED)]
