"""How far a long command has come, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from investbot.cli.output import Face, Output
from investbot.ports.backups import Progress


@contextmanager
def progress(output: Output, name: str) -> Iterator[Progress]:
    """Give what takes the steps of the work on `name`; they are shown to a human at a terminal, and to nobody else."""
    if output.face is not Face.HUMAN or not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=f"{name}: {what}", completed=done, total=total)

        yield show


def _unseen(_what: str, _done: int, _total: int) -> None:
    pass
