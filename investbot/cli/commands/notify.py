"""`investbot notify set | test | list | forget`: where notices go; the addresses are secrets of the vault."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.bootstrap.home import Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Yes, complete_names
from investbot.cli.fleet import open_home
from investbot.cli.registry import FLEET, add, family
from investbot.cli.session import Session
from investbot.cli.store import tell_supervisor, unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import AuthFailed, ConfigError, DataError, TryAgain, UsageError
from investbot.domain.times import rfc3339

if TYPE_CHECKING:
    from investbot.adapters.notify.address import Address
    from investbot.ports.notifier import Delivery

_LONGEST = 4096


class Channel(StrEnum):
    """Ways out that there are."""

    DISCORD = "discord"


Which = Annotated[Channel, typer.Argument(metavar="CHANNEL", help="discord.")]
Whose = Annotated[
    str | None,
    typer.Option("--instance", metavar="NAME", help="For this instance only.", autocompletion=complete_names),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    notify = family(app, "notify", "Where notices go: Discord.", panel=FLEET)
    add(
        notify,
        "set",
        "investbot notify set discord --from webhook.txt",
        "investbot notify set discord --instance alpha --from -",
    )(set_)
    add(notify, "test", "investbot notify test", "investbot notify test --instance alpha")(try_)
    add(notify, "list", "investbot notify list", "investbot notify list --json")(list_)
    add(notify, "forget", "investbot notify forget discord --yes")(forget)


def set_(
    context: typer.Context,
    channel: Which,
    source: Annotated[
        str | None, typer.Option("--from", metavar="FILE|-", help="Its address; - is stdin; unset: asked for.")
    ] = None,
    instance: Whose = None,
) -> None:
    """Store the address of a Discord webhook in the vault, for the fleet or for one instance."""
    from investbot.adapters.notify.address import read_address
    from investbot.bootstrap.notices import secret_name

    session: Session = context.obj
    home = open_home(session)
    name = _known(home, instance)
    text = _asked(session) if source is None else _content(source)
    session.secrets.append(text.strip())
    address = read_address(text)
    with audited(home, "notify set", [name] if name else [], channel=channel.value), unlocked(session, home) as vault:
        vault.secret_set(secret_name(name), address.url)
    tell_supervisor(home)
    if session.output.is_json:
        session.output.value({"channel": channel.value, "instance": name or None, "host": address.host})
    session.output.say(f"Notices of {name or 'the fleet'} go to {address.host} from now on; try it: `{_test(name)}`.")
    if source not in {None, "-"}:
        session.output.warn(f"{source} still holds the address in plain text; delete it.")


def try_(
    context: typer.Context,
    channel: Annotated[Channel, typer.Argument(metavar="[CHANNEL]", help="discord.")] = Channel.DISCORD,
    instance: Whose = None,
) -> None:
    """Send one message and say what became of it: 75 when it may work later, 77 when the address is refused."""
    from investbot.bootstrap.notices import addresses

    session: Session = context.obj
    home = open_home(session)
    name = _known(home, instance)
    with unlocked(session, home) as vault:
        found = addresses(home, vault)
    own = name if name in found else ""
    if own not in found:
        message = f"There is no address to send to; store one with `investbot notify set {channel.value}`."
        raise ConfigError(message)
    address = found[own]
    if address is None:
        message = f"The stored address is none; store it again with `investbot notify set {channel.value}`."
        raise ConfigError(message)
    session.secrets.append(address.url)
    with session.output.working(f"Sending to {address.host} …"):
        delivery = _sent(name, address)
    _judge(delivery, own)
    tell_supervisor(home)
    if session.output.is_json:
        session.output.value({"channel": channel.value, "instance": own or None, "host": address.host, "sent": True})
    session.output.say(f"{address.host} has taken a message for {own or 'the fleet'}.")


def list_(context: typer.Context) -> None:
    """Show which addresses there are and how each fares; the addresses themselves are never shown."""
    from investbot.adapters.storage import vault_file
    from investbot.bootstrap.notices import secret_name
    from investbot.supervisor.route_health import read_health

    session: Session = context.obj
    home = open_home(session)
    stored = vault_file.load(home.vault).secrets
    fares = read_health(home.run.path / "notices.json")
    rows: list[dict[str, Any]] = []
    for name in ("", *home.names()):
        if secret_name(name) in stored:
            health = fares.get(name)
            row: dict[str, Any] = {"channel": "discord", "instance": name or None, "host": None, "state": "set"}
            row |= {"sent": 0, "waiting": 0, "last_sent_at": None, "error": None}
            if health is not None:
                at = health.last_sent_at
                row["host"] = health.host
                row["state"] = "refused" if health.refused else "failing" if health.why else "ok"
                row |= {"sent": health.sent, "waiting": health.waiting, "error": health.why or None}
                row["last_sent_at"] = rfc3339(at) if at is not None else None
            rows.append(row)
    columns = ["channel", "instance", "host", "state", "sent", "waiting", "last_sent_at", "error"]
    session.output.rows(rows, columns, "No address is stored; store one with `investbot notify set discord`.")


def forget(context: typer.Context, channel: Which, instance: Whose = None, yes: Yes = False) -> None:
    """Throw an address away; what waits for it is not sent."""
    from investbot.bootstrap.notices import secret_name

    session: Session = context.obj
    home = open_home(session)
    name = _known(home, instance)
    session.confirm(f"Forget where notices of {name or 'the fleet'} go?", yes=yes)
    with (
        audited(home, "notify forget", [name] if name else [], channel=channel.value),
        unlocked(session, home) as vault,
    ):
        vault.secret_forget(secret_name(name))
    tell_supervisor(home)
    if session.output.is_json:
        session.output.value({"channel": channel.value, "instance": name or None})
    session.output.say(f"Forgot where notices of {name or 'the fleet'} go.")


def _sent(name: str, address: Address) -> Delivery:
    from investbot.adapters.notify.discord import DiscordWebhook
    from investbot.ports.notifier import Kind, Notice, Tone

    text = "Sent by `investbot notify test`. Notices of this kind reach you here."
    notice = Notice(wall_clock(), Kind.LIFECYCLE, "InvestBot can reach you", name=name, text=text, tone=Tone.GOOD)
    return DiscordWebhook(address).deliver([notice])


def _judge(delivery: Delivery, own: str) -> None:
    """Turn what became of a message into the command's outcome."""
    from investbot.ports.notifier import Fate

    match delivery.fate:
        case Fate.SENT:
            return
        case Fate.REFUSED:
            whose = f" --instance {own}" if own else ""
            message = f"{delivery.why} Store another address with `investbot notify set discord{whose}`."
            raise AuthFailed(message)
        case Fate.LATER:
            message = f"{delivery.why} Try again later."
            raise TryAgain(message)
        case Fate.UNFIT:
            raise DataError(delivery.why)


def _known(home: Home, instance: str | None) -> str:
    return "" if instance is None else home.existing(instance).name


def _test(name: str) -> str:
    return f"investbot notify test --instance {name}" if name else "investbot notify test"


def _content(source: str) -> str:
    """Read the file or stdin; DataError when that is not possible."""
    try:
        raw = sys.stdin.buffer.read(_LONGEST) if source == "-" else Path(source).expanduser().read_bytes()[:_LONGEST]
        return raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        message = f"The address cannot be read from {source}: {why}."
        raise DataError(message) from None


def _asked(session: Session) -> str:
    """Ask on the terminal, hidden."""
    import getpass

    if not session.can_ask:
        message = "There is no terminal to ask on: give the address with --from FILE, or --from - for stdin."
        raise UsageError(message)
    return getpass.getpass("Address of the webhook: ")
