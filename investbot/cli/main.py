"""The entry point `investbot`: takes the line apart, runs one command, turns whatever happens into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from investbot.cli.quick import quickly

if TYPE_CHECKING:
    from investbot.cli.session import Session

PROGRAM = "investbot"
COMPLETION = "_INVESTBOT_COMPLETE"


def run() -> None:
    """Run the command on this process's line and exit with its code."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line and give its exit code; nothing is raised."""
    if COMPLETION not in os.environ and (code := _quick(argv)) is not None:
        return code
    from investbot.cli.errors import guarded
    from investbot.cli.options import hoist
    from investbot.cli.session import Session

    secrets: list[str] = []

    def work() -> int:
        options, rest = hoist(argv)
        session = Session(options)
        session.secrets = secrets
        return _dispatch(session, rest)

    return guarded(work, debug="--debug" in argv, secrets=secrets)


def _quick(argv: Sequence[str]) -> int | None:
    """Take the short way where there is one; whoever reads may have seen enough of it."""
    try:
        code = quickly(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    return code


def _dispatch(session: Session, rest: list[str]) -> int:
    from investbot.cli.registry import build

    if COMPLETION in os.environ:
        build(None)(prog_name=PROGRAM, complete_var=COMPLETION)
    app = build(rest[0] if rest else None)
    if not rest:
        rest = ["--help"]
    code = app(rest, prog_name=PROGRAM, standalone_mode=False, obj=session)
    return code if isinstance(code, int) else 0
