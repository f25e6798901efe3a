"""`investbot doctor`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from investbot.cli.fleet import open_home
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session
from investbot.domain.errors import AlreadyExists

if TYPE_CHECKING:
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
    from investbot.cli.patient import host_of
    from investbot.doctor.bundle import write_bundle
    from investbot.doctor.issue import Level
    from investbot.doctor.registry import diagnose

    session: Session = context.obj
    home = open_home(session)
    if bundle is not None and bundle.exists():
        message = f"{bundle} is there already; name another file."
        raise AlreadyExists(message)
    with host_of(session, home) as host:
        issues = diagnose(host)
        _tell(session, issues)
        if bundle is not None:
            names = write_bundle(bundle, host, issues, session.secrets)
            session.output.say(f"Wrote {len(names)} parts to {bundle}; look through it before you hand it on.")
    return 1 if any(issue.level is Level.ERROR for issue in issues) else 0


def _tell(session: Session, issues: list[Issue]) -> None:
    if session.output.is_json:
        session.output.value([asdict(issue) for issue in issues])
        return
    for issue in issues:
        session.output.say(_line(issue))


def _line(issue: Issue) -> str:
    told = "; ".join(part for part in (issue.what, issue.why, issue.fix and f"fix: {issue.fix}") if part)
    return f"{issue.level.value:<8} {issue.check}: {told}"
