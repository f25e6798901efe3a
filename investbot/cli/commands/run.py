"""`investbot run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from investbot.bootstrap.home import Home
from investbot.cli.auditing import audited
from investbot.cli.choices import Name, Withdrawals, Yes
from investbot.cli.fleet import open_home, user
from investbot.cli.real_money import confirm_live, confirm_withdrawals, unconfirmed
from investbot.cli.registry import RUN, add
from investbot.cli.session import Session
from investbot.cli.store import unlocked

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "run", "investbot run alpha", panel=RUN)(run)


Health = Annotated[
    str | None,
    typer.Option(
        "--health", metavar="[ADDRESS:]PORT", help="Answer probes by HTTP here: GET /health gives 200 or 503."
    ),
]


def run(
    context: typer.Context,
    name: Name,
    yes: Yes = False,
    accept_withdrawals: Withdrawals = False,
    health: Health = None,
) -> int:
    """Run one instance in the foreground without a supervisor, for systemd, containers and orchestrators.

    Exit code 0: its work is done; 75: start it again; 77 and 78: an operator has to act. The first run of a
    configuration that trades real money asks, or needs --yes.
    """
    from investbot.bootstrap.foreground import become
    from investbot.bootstrap.process import harden
    from investbot.cli.output import Face
    from investbot.control.health_door import open_door, parse_address

    address = None if health is None else parse_address(health)
    session: Session = context.obj
    home = open_home(session)
    home.existing(name)
    confirm_live(session, unconfirmed(home, [name]), yes=yes)
    if accept_withdrawals:
        confirm_withdrawals(session, yes=yes)
    harden()
    with unlocked(session, home) as vault:
        _admit(home, name, vault, accept_withdrawals=accept_withdrawals)
        key = vault.data_key(name)
    door = None if address is None else open_door(*address)
    become(home.path, name, key, tell=session.output.face is Face.HUMAN, health=door)


def _admit(home: Home, name: str, vault: OpenVault, *, accept_withdrawals: bool) -> None:
    """Let its venue say whether key and account are good for a start, and note that real money was allowed."""
    from investbot.bootstrap.account import admit, ask_venue
    from investbot.bootstrap.live import at_venue
    from investbot.config.instance import load_instance

    config = load_instance(home.instance(name).path)
    if not at_venue(config):
        return
    more = {"accept_withdrawals": True} if accept_withdrawals else {}
    with audited(home, "run", [name], mode=config.venue.mode.value, **more):
        admit(
            home,
            name,
            vault.data_key,
            lambda each, key: ask_venue(home, each, key),
            accept_withdrawals=accept_withdrawals,
            by=user(),
        )
