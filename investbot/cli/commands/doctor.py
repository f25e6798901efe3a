"""`investbot doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.cli.fleet import open_home
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session

if TYPE_CHECKING:
    from investbot.bootstrap.home import Home
    from investbot.doctor.issue import Issue


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ("investbot doctor", "investbot doctor --json", "investbot doctor --bundle facts.tar.gz")
    add(app, "doctor", *examples, panel=FLEET)(doctor)


def doctor(
    context: typer.Context,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write facts for a report of a bug, without secrets.")
    ] = None,
) -> int:
    """Check a home, one line a check: ok, or what is wrong, why it matters, and the command that fixes it.

    Exit code 0 also with warnings, 1 with errors.
    """
    from investbot.cli.bundle import write_bundle
    from investbot.cli.patient import host_of
    from investbot.doctor.issue import Level
    from investbot.doctor.registry import diagnose

    session: Session = context.obj
    home = open_home(session)
    with host_of(session, home) as host:
        issues = diagnose(host)
    told = [
        {"check": each.check, "level": each.level, "what": each.what, "why": each.why, "fix": each.fix}
        for each in issues
    ]
    if session.output.is_json:
        session.output.value(told)
    else:
        for issue in issues:
            session.output.say(_line(issue))
    if bundle is not None:
        write_bundle(bundle, home, {"doctor": told, "status": _status(home)}, session.secrets)
        session.output.say(f"Wrote {bundle}; look through it before you hand it on.")
    return 1 if any(issue.level is Level.ERROR for issue in issues) else 0


def _line(issue: Issue) -> str:
    told = "; ".join(part for part in (issue.what, issue.why, issue.fix and f"fix: {issue.fix}") if part)
    return f"{issue.level.value:<8} {issue.check}: {told}"


def _status(home: Home) -> list[dict[str, Any]]:
    from investbot.cli.fleet import supervisor_if_up

    client = supervisor_if_up(home)
    if client is None:
        return []
    with client:
        found: list[dict[str, Any]] = client.call("status")
        return found
