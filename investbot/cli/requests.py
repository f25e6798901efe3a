"""Verbs that the supervisor carries out for several names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from investbot.cli.fleet import chosen, open_home, supervisor
from investbot.cli.session import Session


def ask_for_each(session: Session, verb: str, names: Sequence[str] | None, *, every: bool, **args: Any) -> int:
    """Ask the supervisor to do `verb` for the names, print a line each and give the worst exit code."""
    home = open_home(session)
    wanted = chosen(home, names, every=every)
    with supervisor(home, timeout_s=None) as client:
        if not wanted:
            session.output.warn("this home has no instances yet; make one with `investbot create NAME --profile P`.")
            return session.output.lines([])
        with session.output.working(f"{verb} {' '.join(wanted)} …"):
            lines: list[dict[str, Any]] = client.call(verb, names=wanted, **args)
    return session.output.lines(lines)
