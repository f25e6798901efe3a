from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
import typer

from investbot.cli.errors import explain, guarded, redact
from investbot.domain import errors


def failing(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x."), 64),
        (errors.DataError("x."), 65),
        (errors.UnknownInstance("x."), 66),
        (errors.SupervisorDown("x."), 69),
        (errors.AlreadyExists("x."), 73),
        (errors.LedgerError("x."), 74),
        (errors.TryAgain("x."), 75),
        (errors.VaultError("x."), 77),
        (errors.ConfigError("x."), 78),
        (typer.BadParameter("x"), 64),
        (PermissionError(errno.EACCES, "no", "f"), 77),
        (OSError(errno.ENOSPC, "No space left on device", "f"), 74),
        (ZeroDivisionError("boom"), 70),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
    ],
)
def test_every_failure_has_its_code_and_one_line(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(failing(error), debug=False) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err


def test_a_traceback_needs_debug_and_hides_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    error = RuntimeError(f"the passphrase correct-horse and the key {'ab' * 32}")
    assert guarded(failing(error), debug=True, secrets=["correct-horse"]) == 70
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "correct-horse" not in shown
    assert "abab" not in shown


def test_a_sentence_never_holds_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(failing(errors.DataError("cannot read correct-horse.")), debug=False, secrets=["correct-horse", ""])
    assert capsys.readouterr().err == "cannot read [hidden].\n"


def test_success_and_exit_keep_their_code() -> None:
    assert guarded(lambda: 3, debug=False) == 3
    assert guarded(failing(typer.Exit(5)), debug=False) == 5


def test_an_error_without_a_file_is_told() -> None:
    assert explain(OSError(errno.EIO, "Input/output error")) == ("A file or socket: Input/output error.", 74)


def test_long_hexadecimal_is_hidden_and_words_are_not() -> None:
    assert redact("deadbeef " + "0f" * 24, []) == "deadbeef [hidden]"


def test_a_refused_choice_is_told_without_the_words_of_a_library() -> None:
    sentence, code = explain(typer.BadParameter("Value error, 'x' is not one of 'a', 'b'."))
    assert (sentence, code) == ("Invalid value: 'x' is not one of 'a', 'b'; see `investbot --help`.", 64)
