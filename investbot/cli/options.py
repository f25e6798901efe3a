"""The options every command takes, before or after the verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from investbot.domain.errors import UsageError

_VALUED = ("--home", "--passphrase-file")
_FLAGS = {"--json": "json", "--quiet": "quiet", "-q": "quiet", "--debug": "debug"}

HELP = """Every command also takes, before or after its name: --home PATH (the fleet's folder; else $INVESTBOT_HOME,
the nearest folder above with an investbot.toml, the user's data folder), --passphrase-file FILE (else
$INVESTBOT_PASSPHRASE_FILE, the service's credential, the keyring, a prompt), --json, --quiet, --debug (a redacted
traceback)."""


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What was said on the line besides the verb and its own options."""

    home: Path | None = None
    passphrase_file: Path | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False


def hoist(argv: Sequence[str]) -> tuple[GlobalOptions, list[str]]:
    """Take the options of every command out of the line, wherever they stand before `--`; UsageError."""
    values: dict[str, str] = {}
    flags: set[str] = set()
    rest: list[str] = []
    ahead = list(argv)
    while ahead:
        word = ahead.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *ahead]
            break
        if name in _VALUED:
            given = value if equals else ahead.pop(0) if ahead else ""
            if not given:
                message = f"{name} needs a value: write {name} PATH."
                raise UsageError(message)
            values[name] = given
        elif word in _FLAGS:
            flags.add(_FLAGS[word])
        elif word == "--last":
            rest += [word, *_count_of_last(ahead)]
        else:
            rest.append(word)
    if {"json", "quiet"} <= flags:
        message = "--json and --quiet do not go together: choose one."
        raise UsageError(message)
    options = GlobalOptions(
        home=_path(values.get("--home")),
        passphrase_file=_path(values.get("--passphrase-file")),
        json="json" in flags,
        quiet="quiet" in flags,
        debug="debug" in flags,
    )
    return options, rest


def _count_of_last(ahead: Sequence[str]) -> list[str]:
    """Let `--last` without a number mean the last one."""
    return [] if ahead and ahead[0].isdecimal() else ["1"]


def _path(given: str | None) -> Path | None:
    return None if given is None else Path(given).expanduser()
