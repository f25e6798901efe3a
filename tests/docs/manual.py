"""Writes docs/commands.md from the commands themselves: `python -m tests.docs.manual` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer.main

from investbot.cli.registry import build

HEAD = """# Commands

Made from the program by `python -m tests.docs.manual`; a test holds that the two agree and runs every example.

Every command also takes, before or after its name: `--home PATH`, `--passphrase-file FILE`, `--json`, `--quiet`,
`--debug`, `--help`.
Output is a table on a terminal, plain columns in a pipe, JSON with `--json`; money is text in JSON, times are RFC 3339.
Where several names are taken each gets one line, and the worst exit code wins.

| exit code | meaning |
|--:|---|
| 0 | ok |
| 64 | the command was put wrongly |
| 65 | input data that cannot be trusted: a candle file, an unknown symbol |
| 66 | no such instance |
| 69 | no supervisor runs |
| 70 | a bug of InvestBot |
| 73 | it exists already |
| 74 | the store, the disk |
| 75 | busy or cooling down: try again |
| 77 | passphrase, key or permission |
| 78 | configuration |
| 130 | interrupted |
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command as the program describes it."""

    path: tuple[str, ...]
    summary: str
    usage: str
    options: tuple[tuple[str, str], ...]
    examples: tuple[str, ...]


def entries() -> list[Entry]:
    """Describe every command, in the order of the help."""
    return list(_walk(typer.main.get_command(build(None)), ()))


def families() -> list[tuple[str, ...]]:
    """Name the commands that only hold others."""
    return sorted({entry.path[:1] for entry in entries() if len(entry.path) > 1})


def manual() -> str:
    """Write the whole document."""
    parts = [HEAD]
    for entry in entries():
        parts.append(f"## {' '.join(entry.path)}\n\n{entry.summary}\n\n```\n{entry.usage}\n```\n")
        if entry.options:
            rows = "".join(f"| `{name}` | {text} |\n" for name, text in entry.options)
            parts.append(f"| option | |\n|---|---|\n{rows}")
        parts.append("```sh\n" + "\n".join(entry.examples) + "\n```\n")
    return "\n".join(parts)


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[Entry]:
    for name, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from _walk(inner, (*path, name))
        else:
            yield _entry(inner, (*path, name))


def _entry(command: Any, path: tuple[str, ...]) -> Entry:
    context = typer.Context(command, info_name=" ".join(("investbot", *path)))
    examples = [line for line in (command.epilog or "").split("\n\n") if line.startswith("Example: ")]
    return Entry(
        path=path,
        summary=" ".join((command.help or "").split()),
        usage=" ".join(command.get_usage(context).split()).removeprefix("Usage: "),
        options=tuple(
            (", ".join(parameter.opts), parameter.help or "")
            for parameter in command.params
            if parameter.param_type_name == "option" and "--help" not in parameter.opts
        ),
        examples=tuple(line.removeprefix("Example: ") for line in examples),
    )


if __name__ == "__main__":
    print(manual(), end="")
