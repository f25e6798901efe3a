"""The shortest way to a fleet's status: nothing is imported that only other commands need."""

from __future__ import annotations

from collections.abc import Sequence

from investbot.domain.errors import InvestBotError


def quickly(argv: Sequence[str]) -> int | None:
    """Serve `status [NAME…]` of a fleet whose supervisor answers; None where it takes the whole program."""
    if "status" not in argv:
        return None
    from investbot.cli.options import hoist
    from investbot.cli.session import Session

    try:
        options, rest = hoist(argv)
        if rest[:1] != ["status"] or any(word.startswith("-") for word in rest):
            return None
        from investbot.cli.fleet import open_home, supervisor_if_up
        from investbot.cli.fleet_table import show_fleet

        session = Session(options)
        client = supervisor_if_up(open_home(session))
        if client is None:
            return None
        with client:
            rows = client.call("status", names=list(dict.fromkeys(rest[1:])))
    except (InvestBotError, OSError):
        return None  # the whole program meets the same, and tells it
    show_fleet(session.output, rows)
    return 0
