"""`investbot keys set | check | rotate | forget`: API keys, in the instance's own encrypted store and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.bootstrap.home import Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Name, Yes
from investbot.cli.fleet import open_home, supervisor_if_up
from investbot.cli.keyfile import KNOWN, parse_keys
from investbot.cli.registry import MONEY, add, family
from investbot.cli.session import Session
from investbot.cli.store import changing, is_kept, is_locked, restart_with, unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import DataError, UsageError

if TYPE_CHECKING:
    from investbot.bootstrap.key_exchange import Exchanged

_LONGEST = 65_536


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = family(app, "keys", "API keys of an instance, in its own encrypted store.", panel=MONEY)
    add(keys, "set", "investbot keys set alpha --from keys.json", "investbot keys set alpha --from -")(set_)
    add(keys, "check", "investbot keys check alpha")(check)
    add(keys, "rotate", "investbot keys rotate alpha --from keys.json", "investbot keys rotate alpha --from -")(rotate)
    add(keys, "forget", "investbot keys forget alpha --yes")(forget)


Source = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE|-", help="JSON or name=value lines; - is stdin; unset: asked for."),
]


def set_(context: typer.Context, name: Name, source: Source = None) -> None:
    """Store API keys under ccxt's names (apiKey, secret, password, uid, privateKey, walletAddress) or keypair."""
    from investbot.adapters.storage.secrets import set_secrets
    from investbot.bootstrap import known_rights

    session: Session = context.obj
    home = open_home(session)
    instance = home.existing(name)
    given = _asked(session) if source is None else parse_keys(_content(source))
    session.secrets += given.values()
    with (
        audited(home, "keys set", [name], keys=sorted(given)),
        changing(home),
        unlocked(session, home) as vault,
    ):
        set_secrets(instance.ledger, vault.data_key(name), given, wall_clock())
        known_rights.forget(instance)
    if session.output.is_json:
        session.output.value({"name": name, "set": sorted(given)})
    session.output.say(f"{name}: stored {', '.join(sorted(given))}; a restart of the instance uses them.")
    if source not in {None, "-"}:
        session.output.warn(f"{source} still holds them in plain text; delete it.")


def check(context: typer.Context, name: Name) -> None:
    """Say which keys are stored and since when, and let the venue say what they may do.

    An instance on paper uses none, and no venue is asked.
    """
    from investbot.bootstrap.live import at_venue
    from investbot.config.instance import load_instance

    session: Session = context.obj
    home = open_home(session)
    config = load_instance(home.existing(name).path)
    with session.output.working(f"Asking {config.venue.name} …" if at_venue(config) else "Looking …"):
        told = _looked_at(session, home, name)
    if session.output.is_json:
        session.output.value(told)
    else:
        none = f"{name} has no keys; set them with `investbot keys set {name}`."
        session.output.rows(told["keys"], ["key", "set_at"], none)
    if at_venue(config):
        _judge(session, name, config.venue.mode.value, told)
    elif told["keys"]:
        session.output.warn(f"{name} trades on paper and does not use them.")


def _looked_at(session: Session, home: Home, name: str) -> dict[str, Any]:
    """Let the supervisor ask where there is one, for it has the keys at hand; else ask here."""
    client = supervisor_if_up(home)
    if client is not None:
        with client:
            told: dict[str, Any] = client.call("keys", name=name)
            return told
    from investbot.bootstrap.account import ask_venue, look_at_keys

    with unlocked(session, home) as vault:
        return look_at_keys(home, name, vault.data_key(name), lambda each, key: ask_venue(home, each, key))


def _judge(session: Session, name: str, mode: str, rights: dict[str, Any]) -> None:
    """Say what the rights mean for a start."""
    words = {True: "yes", False: "no", None: "the venue does not say"}
    session.output.say(
        f"{name}: may trade: {words[rights['trade']]}; may withdraw: {words[rights['withdraw']]}; "
        f"only from known addresses: {words[rights['ip_restricted']]}."
    )
    if rights["trade"] is False:
        session.output.warn(f"this key may not trade; store one that may with `investbot keys set {name}`.")
    if rights["withdraw"] and mode == "live":
        session.output.warn(
            f"a key that may withdraw is refused for real money; store one that may only trade with "
            f"`investbot keys set {name}`, or take the risk with `investbot start {name} --accept-withdrawals`."
        )
    if rights["ip_restricted"] is False:
        session.output.warn("this key works from anywhere; restrict it to your addresses on the venue's own page.")


def rotate(context: typer.Context, name: Name, source: Source = None) -> None:
    """Replace API keys by others of the same account, tried at the venue first.

    A running instance is started anew: its stops stay at the venue meanwhile, and it compares ledger and account before
    it trades on. The old keys are kept until the new ones have served, then overwritten.
    """
    from investbot.bootstrap.key_exchange import exchange_keys

    session: Session = context.obj
    home = open_home(session)
    instance = home.existing(name)
    given = _asked(session) if source is None else parse_keys(_content(source))
    session.secrets += given.values()
    runs = is_locked(instance)
    restart = (lambda: restart_with(home, name)) if is_kept(home, name) else None
    with (
        audited(home, "keys rotate", [name], keys=sorted(given)),
        changing(home),
        unlocked(session, home) as vault,
        session.output.working("Asking the venue …"),
    ):
        told = exchange_keys(home, name, vault.data_key(name), given, wall_clock(), restart, runs=runs)
    if session.output.is_json:
        session.output.value(
            {"name": name, "set": sorted(given), "same_account": told.same_account, "proved": told.proved}
        )
    session.output.say(_told(name, told))
    if told.same_account is None and told.old:
        session.output.warn("nobody could tell whether the new key is of the same account as the old one.")
    if source not in {None, "-"}:
        session.output.warn(f"{source} still holds the new keys in plain text; delete it.")


def _told(name: str, told: Exchanged) -> str:
    """Say what has to be done now, at the venue above all."""
    old = f" {told.old}" if told.old else ""
    if told.proved:
        how = "and it runs with them" if told.restarted else "in the place of the old ones"
        return f"{name}: the new keys are stored {how}. Delete the old key{old} on the venue's own page now."
    return (
        f"{name}: the new keys are stored, and the old ones are kept until the new have served. Restart {name}, then "
        f"run `investbot keys check {name}`, and only then delete the old key{old} on the venue's own page."
    )


def forget(context: typer.Context, name: Name, yes: Yes = False) -> None:
    """Overwrite and forget every API key of an instance."""
    from investbot.adapters.storage.secrets import forget_secrets
    from investbot.bootstrap import known_rights

    session: Session = context.obj
    home = open_home(session)
    instance = home.existing(name)
    session.confirm(f"Forget the API keys of {name}?", yes=yes)
    with audited(home, "keys forget", [name]), changing(home), unlocked(session, home) as vault:
        count = forget_secrets(instance.ledger, vault.data_key(name))
        known_rights.forget(instance)
    if session.output.is_json:
        session.output.value({"name": name, "forgotten": count})
    session.output.say(f"{name}: forgot {count} key{'' if count == 1 else 's'}.")


def _content(source: str) -> str:
    """Read the file or stdin; DataError when that is not possible."""
    try:
        raw = sys.stdin.buffer.read(_LONGEST) if source == "-" else Path(source).expanduser().read_bytes()
        return raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        message = f"The keys cannot be read from {source}: {why}."
        raise DataError(message) from None


def _asked(session: Session) -> dict[str, str]:
    """Ask on the terminal, hidden; an empty answer leaves that key out."""
    import getpass

    if not session.can_ask:
        message = "There is no terminal to ask on: give the keys with --from FILE, or --from - for stdin."
        raise UsageError(message)
    given = {name: getpass.getpass(f"{name} (empty: none): ") for name in KNOWN if name != "keypair"}
    found = {name: value for name, value in given.items() if value}
    if not found:
        message = "No key was given, and nothing was stored."
        raise UsageError(message)
    return found
