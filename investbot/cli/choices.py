"""The arguments and options that many commands share, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

from investbot.cli.options import hoist
from investbot.cli.session import Session


def complete_names(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the instances of the home to the shell."""
    from investbot.bootstrap.home import Home
    from investbot.cli.fleet import home_path, tags_of

    session = context.obj if isinstance(context.obj, Session) else Session(hoist([])[0])
    home = Home(home_path(session))
    if incomplete.startswith("@"):
        tags = {f"@{tag}" for name in home.names() for tag in tags_of(home, name)}
        return sorted(tag for tag in tags if tag.startswith(incomplete))
    return [name for name in home.names() if name.startswith(incomplete)]


Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME|@TAG]...", help="Instances.", show_default=False, autocompletion=complete_names),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The instance.", autocompletion=complete_names)]
Every = Annotated[bool, typer.Option("--all", help="All instances.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Withdrawals = Annotated[
    bool, typer.Option("--accept-withdrawals", help="Trade real money with a key that may withdraw; remembered.")
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Not before: 2026-01-02, 2026-01-02T03:04:05Z, or how long ago (2h)."),
]
Last = Annotated[int | None, typer.Option(metavar="N", min=1, help="Only the newest N.")]
Csv = Annotated[bool, typer.Option("--csv", help="Comma-separated values.")]
