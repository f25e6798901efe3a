"""The last door: every failure becomes one sentence on stderr and an exit code; a traceback only with --debug."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable

from typer import Abort, Exit, TyperException

from investbot.domain.errors import InvestBotError

USAGE = 64
BUG = 70
STORE = 74
PERMISSION = 77
INTERRUPTED = 130

_PYDANTIC = "Value error, "
"""What stands before a choice that is refused, and says nothing."""
_KEY_LIKE = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{48,}(?![0-9A-Za-z])")


def guarded(work: Callable[[], int], *, debug: bool, secrets: Iterable[str] = ()) -> int:
    """Run `work` and give its exit code; whatever it raises is told in one sentence on stderr.

    `secrets` are texts that are blanked out wherever they would be shown; they are read after the failure.
    """
    try:
        code = work()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _seen_enough()
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # what Typer makes of it
            return _seen_enough()
        raise
    except (KeyboardInterrupt, Abort):
        _say("Interrupted.")
        return INTERRUPTED
    except Exit as done:
        return done.exit_code
    except Exception as error:  # noqa: BLE001 - the last door
        sentence, exit_code = explain(error)
        _say(redact(sentence, secrets))
        if debug:
            _say(redact("".join(traceback.format_exception(error)).rstrip(), secrets))
        return exit_code


def explain(error: Exception) -> tuple[str, int]:
    """Tell an error to a human: the sentence and the exit code."""
    if isinstance(error, InvestBotError):
        return str(error), error.exit_code
    if isinstance(error, TyperException):
        return f"{_one_line(error.format_message()).replace(_PYDANTIC, '').rstrip('.')}; see `investbot --help`.", USAGE
    if isinstance(error, PermissionError):
        return f"{_where(error)}: permission denied; the files of a home belong to the user who runs it.", PERMISSION
    if isinstance(error, OSError):
        return f"{_where(error)}: {error.strerror or type(error).__name__}.", STORE
    name = type(error).__name__
    return f"InvestBot met a bug of its own ({name}): run the same with --debug and report what it prints.", BUG


def redact(text: str, secrets: Iterable[str]) -> str:
    """Blank out the given texts and everything that looks like a key."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[hidden]")
    return _KEY_LIKE.sub("[hidden]", text)


def _seen_enough() -> int:
    """Let the rest of our output go nowhere: its reader (head, less) has closed the pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _where(error: OSError) -> str:
    return str(error.filename) if error.filename else "A file or socket"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
