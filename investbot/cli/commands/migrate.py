"""`investbot migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.cli.auditing import audited
from investbot.cli.choices import Every, Names
from investbot.cli.fleet import chosen, open_home
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session
from investbot.cli.store import unlocked
from investbot.domain.errors import InvestBotError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from investbot.bootstrap.home import Home, InstanceHome


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ("investbot migrate alpha --schema 1 --json", "investbot migrate --all")
    add(app, "migrate", *examples, panel=FLEET)(migrate)


def migrate(
    context: typer.Context,
    names: Names = None,
    every: Every = False,
    schema: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="For a program whose newest schema is N; unset: this one.")
    ] = None,
) -> int:
    """Bring ledgers of stopped instances to this program's schema, or back to that of an older program.

    A start does the first by itself. Beside each ledger that is changed stays a copy of it as it was.
    """
    from investbot.adapters.storage.schema import latest

    session: Session = context.obj
    home = open_home(session)
    wanted = chosen(home, names, every=every)
    goal = latest() if schema is None else schema
    if goal > latest():
        message = f"There is no schema {goal}: this program knows 1 to {latest()}."
        raise UsageError(message)
    if not wanted:
        return session.output.lines([])
    with unlocked(session, home) as vault, session.output.working("Looking at the ledgers …"):
        lines = [_moved(home, home.existing(name), vault.data_key, goal) for name in wanted]
    return session.output.lines(lines)


def _moved(home: Home, instance: InstanceHome, key_of: Callable[[str], bytes], goal: int) -> dict[str, Any]:
    """Bring one ledger to a schema, held against everybody else meanwhile; give its line."""
    from investbot.adapters.storage.migrate import migrate as bring
    from investbot.instance.lock import InstanceLock

    name = instance.name
    try:
        with audited(home, "migrate", [name], schema=goal), InstanceLock(instance.lock, name):
            found = bring(instance.ledger, key_of(name), goal)
    except InvestBotError as error:
        return {"name": name, "exit_code": error.exit_code, "message": str(error)}
    said = f"schema {goal} already" if found == goal else f"from schema {found} to {goal}"
    return {"name": name, "exit_code": 0, "message": f"{name}: {said}.", "was": found, "schema": goal}
