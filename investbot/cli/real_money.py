"""The words an operator types before an instance trades real money, and what he is told before that."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from investbot.bootstrap.home import Home
from investbot.cli.session import Session
from investbot.domain.errors import UsageError

if TYPE_CHECKING:
    from investbot.config.instance import InstanceConfig

PHRASE = "real money"
WITHDRAWALS = "accept withdrawals"


def unconfirmed(home: Home, names: Sequence[str]) -> list[InstanceConfig]:
    """Give those that would trade real money in a version of their settings that nobody has allowed to; ConfigError."""
    from investbot.bootstrap.consent import read_consent
    from investbot.config.instance import load_instance
    from investbot.domain.states import Mode

    known = set(home.names())
    found = [load_instance(home.instance(name).path) for name in names if name in known]
    return [
        each
        for each in found
        if each.venue.mode is Mode.LIVE and read_consent(home.instance(each.name)).version != each.version
    ]


def confirm_live(session: Session, configs: Sequence[InstanceConfig], *, yes: bool) -> None:
    """Show what is at stake and have it typed; UsageError where nobody can type, or something else was typed."""
    if not configs or yes:
        return
    names = ", ".join(each.name for each in configs)
    _type(
        session,
        [*(stake(each) for each in configs), f"{names} will trade real money."],
        PHRASE,
        f"{names} trades real money for the first time with these settings: add --yes to start it.",
    )


def confirm_withdrawals(session: Session, *, yes: bool) -> None:
    """Have it typed that a key may withdraw; UsageError as for `confirm_live`."""
    if yes:
        return
    said = ["Whoever gets hold of a key that may withdraw can take everything on its account."]
    _type(session, said, WITHDRAWALS, "A key that may withdraw is a risk: add --yes to take it.")


def stake(config: InstanceConfig) -> str:
    """Say what is at stake: capital, symbols, the most one trade and one day may lose, in quote."""
    quote = config.market.symbols[0].partition("/")[2].partition(":")[0]
    trade = _money(config.capital * config.risk.risk_fraction)
    day = _money(config.capital * config.risk.daily_loss_fraction)
    return (
        f"{config.name}: {_money(config.capital)} {quote} on {', '.join(config.market.symbols)} "
        f"at {config.venue.name}; worst loss a trade {trade} {quote}, a day {day} {quote} (then no more entries), "
        "gaps and outages aside."
    )


def _type(session: Session, said: Sequence[str], phrase: str, nobody: str) -> None:
    if not session.can_ask:
        message = " ".join((*said[:-1], nobody))
        raise UsageError(message)
    for line in said:
        sys.stderr.write(f"{line}\n")
    sys.stderr.write(f'Type "{phrase}" to go on: ')
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != phrase:
        message = "Nothing was done."
        raise UsageError(message)


def _money(value: Decimal) -> str:
    return format(value.quantize(Decimal("0.01")), "f")
