"""`investbot init`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from decimal import Decimal
from typing import Annotated

import typer

from investbot.bootstrap.home import Home, write_beside
from investbot.cli.amounts import amount
from investbot.cli.fleet import home_path
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session
from investbot.cli.vault_words import demand_a_person, judge, show_words
from investbot.domain.errors import AlreadyExists, ConfigError

DISCLAIMER = (
    "InvestBot is software for learning and automation. It is no financial advice, comes without any warranty and can "
    "lose money quickly, through its own faults too. Simulated results say nothing about the future. You alone are "
    "responsible for what it does with your accounts, for taxes and for the rules of your country. Begin on paper."
)

EXAMPLE = """\
# A recipe of your own: it takes everything from `conservative` and changes what stands here.
# `investbot profiles show example` prints all of it, `investbot profiles check profiles/example.toml` every mistake.
description = "the first recipe of this home: BTC on paper"
extends = "conservative"

[market]
symbols = ["BTC/USDT"]
timeframe = "1m"

[risk]
position_fraction = 0.02            # of capital, the most one position may cost
risk_fraction = 0.01                # of capital, the most one position may lose at its stop, costs included
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ("investbot init --home ~/fleet", "investbot init --capital 10000", "investbot init --recovery-key")
    add(app, "init", *examples, panel=FLEET)(init)


def init(
    context: typer.Context,
    capital: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT", help="What all instances together may have, in quote; unset: no cap."),
    ] = None,
    recovery_key: Annotated[
        bool, typer.Option("--recovery-key", help="Print 24 words, once, that open the vault without the passphrase.")
    ] = False,
    weak: Annotated[bool, typer.Option("--weak", help="Take a passphrase that is guessed easily.")] = False,
) -> None:
    """Make a home: an encrypted vault under a new passphrase, the fleet's settings, an example profile."""
    session: Session = context.obj
    if recovery_key:
        demand_a_person(session)
    home = Home(home_path(session))
    limit = _limit(capital)
    for there in (home.settings, home.vault):
        if there.exists():
            message = f"There is a home in {home.path} already; use it, or name another with --home."
            raise AlreadyExists(message)
    seed = _make(session, home, limit, recovery_key=recovery_key, weak=weak)
    session.output.say(f"{_disclaimer()}\n")
    if session.output.is_json:
        session.output.value({"home": str(home.path), "disclaimer": DISCLAIMER})
    if seed is not None:
        show_words(seed)
    warning = "There is no way back from a forgotten passphrase: keep it safe"
    way = "." if seed else ", or make a recovery key with `investbot vault recovery-key`."
    session.output.say(
        f"Made a home in {home.path}. {'Keep passphrase and recovery key apart and safe' if seed else warning}{way}\n"
        f"Next: investbot create alpha --profile example --capital 500 --home {home.path}"
    )


def _disclaimer() -> str:
    """Give the disclaimer, on a terminal broken between words."""
    width = shutil.get_terminal_size().columns
    return textwrap.fill(DISCLAIMER, width) if sys.stdout.isatty() else DISCLAIMER


def _make(session: Session, home: Home, limit: Decimal | None, *, recovery_key: bool, weak: bool) -> bytes | None:
    """Make everything, or leave nothing that was not there before; give the recovery key, if one was wanted."""
    from investbot.adapters.storage.vault import Vault
    from investbot.adapters.storage.vault_ways import add_recovery
    from investbot.config.fleet import init_fleet

    passphrase = session.passphrase(home.path, new=True)
    judge(session, passphrase, weak=weak)
    home.ensure()
    try:
        vault = Vault.create(home.vault, passphrase)
        seed = add_recovery(vault) if recovery_key else None
        vault.close()
        example = home.profiles / "example.toml"
        if not example.exists():
            write_beside(example, EXAMPLE.encode())
        init_fleet(home.path, limit)  # last: a folder is a home from here on
    except BaseException:
        home.vault.unlink(missing_ok=True)
        raise
    return seed


def _limit(capital: str | None) -> Decimal | None:
    if capital is None:
        return None
    limit = amount(capital, "the fleet's capital")
    if limit <= 0:
        message = f"The fleet's capital must be above zero, not {capital}."
        raise ConfigError(message)
    return limit
