"""`investbot intelligence list | push | key`: what the world outside says to an instance."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from investbot.cli.auditing import audited
from investbot.cli.choices import Csv, Last, Name, Since
from investbot.cli.commands.rows import show
from investbot.cli.fleet import open_home, supervisor
from investbot.cli.output import line
from investbot.cli.reading import Filters, rows_of
from investbot.cli.registry import LOOK, add, family
from investbot.cli.session import Session
from investbot.cli.store import unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import DataError, UsageError
from investbot.domain.intelligence import IntelligenceItem, clean, read_item
from investbot.domain.times import parse_rfc3339

_COLUMNS = ("at", "source", "symbol", "bias", "confidence", "weight", "expires_at", "text")
_LESS = ("expires_at", "confidence", "text")
_KEYS = "at source symbol bias confidence weight published_at expires_at item_id text"
_LONGEST, _LONGEST_KEY = 1 << 20, 4096
_AT_ONCE = 100
"""Items of one message to the instance."""

Source = Annotated[
    str | None,
    typer.Option("--from", metavar="FILE|-", help="Where it stands; - is stdin.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = family(app, "intelligence", "What the world outside says to an instance.", panel=LOOK)
    add(
        commands,
        "list",
        "investbot intelligence list alpha",
        "investbot intelligence list alpha --last 5 --json",
    )(list_)
    add(commands, "push", "investbot intelligence push alpha --from items.jsonl")(push)
    add(commands, "key", "investbot intelligence key alpha news --from -")(key)


def list_(context: typer.Context, name: Name, since: Since = None, last: Last = None, csv: Csv = False) -> None:
    """Show what an instance has heard, and what each item weighs now: 0 once it has expired."""
    session: Session = context.obj
    rows = rows_of(session, open_home(session), "intelligence", name, Filters.of(since, last))
    now = wall_clock()
    weighed = [{**row, "weight": round(_item(row).weight(now), 4)} for row in rows]
    show(session, weighed, _COLUMNS, csv=csv, less=_LESS, keys=_KEYS)


def push(context: typer.Context, name: Name, source: Source = None) -> int:
    """Tell a running instance items: JSON lines (or a list) of source, symbol, bias, confidence, published_at and more.

    `bias` lies within -1 and 1, `confidence` within 0 and 1; `expires_at` ends it; `symbol` left out: all; `id` and
    `text` may be given.
    """
    session: Session = context.obj
    home = open_home(session)
    home.existing(name)
    items = _items(_content(source, _LONGEST))
    heard, refused = 0, list[str]()
    with supervisor(home) as client:
        for start in range(0, len(items), _AT_ONCE):
            told: dict[str, Any] = client.call("intelligence", name=name, items=items[start : start + _AT_ONCE])
            heard += sum(event["kind"] == "IntelligenceHeard" for event in told["events"])
            refused += [event["reason"] for event in told["events"] if event["kind"] == "IntelligenceRefused"]
    for reason in dict.fromkeys(refused):
        session.output.warn(reason)
    known = len(items) - heard - len(refused)
    message = f"{heard} heard, {known} known already or over, {len(refused)} refused"
    result = line(name, message, heard=heard, known=known, refused=len(refused))
    if refused and not heard:
        result |= {"ok": False, "exit_code": DataError.exit_code}
    return session.output.lines([result])


def key(
    context: typer.Context,
    name: Name,
    of: Annotated[str, typer.Argument(metavar="SOURCE", help="A name of intelligence.sources.")],
    source: Source = None,
) -> None:
    """Store the key of a source in the instance's own encrypted store; its `key_header` says where it goes."""
    from investbot.adapters.storage.secrets import set_secrets
    from investbot.bootstrap.intelligence import key_name
    from investbot.config.instance import load_instance

    session: Session = context.obj
    home = open_home(session)
    instance = home.existing(name)
    known = {each.name: each for each in load_instance(instance.path).intelligence.sources}
    if of not in known:
        raise UsageError(f"{name} has no source {of[:64]!r}; it has {', '.join(known) or 'none'}.")
    value = _content(source, _LONGEST_KEY).strip() if source is not None else _asked(session, of)
    if not value or not value.isprintable() or not value.isascii():
        raise DataError("A key is one line of printable ASCII; nothing was stored.")
    session.secrets.append(value)
    with audited(home, "intelligence key", [name], source=of), unlocked(session, home) as vault:
        set_secrets(instance.ledger, vault.data_key(name), {key_name(of): value}, wall_clock())
    if not known[of].key_header:
        session.output.warn(f"intelligence.sources of {name} names no key_header for {of}: the key is not used yet.")
    if session.output.is_json:
        session.output.value({"name": name, "source": of})
    session.output.say(f"{name}: stored the key of {of}; a restart of the instance uses it.")
    if source not in {None, "-"}:
        session.output.warn(f"{source} still holds it in plain text; delete it.")


def _items(text: str) -> list[dict[str, Any]]:
    """Read the items, each checked here already; DataError with the place of the first that is none."""
    rows = text.splitlines() if not text.lstrip().startswith("[") else _list(text)
    found = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, str) and not row.strip():
            continue
        try:
            told = json.loads(row, parse_constant=_refuse) if isinstance(row, str) else row
            read_item(told)
        except DataError as error:
            raise DataError(f"Item {number}: {error}") from None
        except (ValueError, RecursionError):
            raise DataError(f"Item {number} is not JSON.") from None
        found.append(told)
    if not found:
        raise DataError("There is no item; write one JSON object a line.")
    return found


def _list(text: str) -> list[Any]:
    try:
        rows: list[Any] = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise DataError("The items look like a list of JSON but cannot be read as one.") from None
    return rows


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _content(source: str | None, longest: int) -> str:
    """Read the file or stdin; UsageError when nothing is named, DataError when it cannot be read or is too long."""
    if source is None:
        raise UsageError("Name where it stands: --from FILE, or --from - for stdin.")
    try:
        raw = sys.stdin.buffer.read(longest + 1) if source == "-" else Path(source).expanduser().read_bytes()
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise DataError(f"{source} cannot be read: {why}.") from None
    if len(raw) > longest:
        raise DataError(f"{source} has more than {longest} bytes.")
    return text


def _asked(session: Session, of: str) -> str:
    import getpass

    if not session.can_ask:
        raise UsageError("There is no terminal to ask on: give the key with --from FILE, or --from - for stdin.")
    return getpass.getpass(f"Key of {clean(of)}: ")


def _item(row: dict[str, Any]) -> IntelligenceItem:
    """Read a row back into the item it tells of."""
    return IntelligenceItem(
        source=row["source"],
        symbol=row["symbol"],
        bias=float(row["bias"]),
        confidence=float(row["confidence"]),
        published_at=parse_rfc3339(row["published_at"]),
        expires_at=parse_rfc3339(row["expires_at"]),
        item_id=row["item_id"],
        text=row["text"],
    )
