from __future__ import annotations

import math
import subprocess
import sys

import pytest

from investbot.control import codec
from investbot.domain import errors


@pytest.mark.parametrize(
    "junk", [b"", b"\n", b"{", b"[1]\n", b"5\n", b'"x"\n', b"\xff\xfe\n", b'{"a":NaN}\n', b"null\n"]
)
def test_junk_is_one_clear_sentence(junk: bytes) -> None:
    with pytest.raises(errors.DataError, match="one JSON object a line"):
        codec.decode(junk)


def test_nesting_without_end_is_junk_too() -> None:
    with pytest.raises(errors.DataError):
        codec.decode(b'{"a":' * 200_000)


def test_a_line_may_be_as_long_as_allowed_and_no_longer() -> None:
    room = codec.MAX_LINE - len(codec.encode({"x": ""}))
    line = codec.encode({"x": "y" * room})
    assert len(line) == codec.MAX_LINE
    assert codec.decode(line)["x"].startswith("y")
    with pytest.raises(errors.DataError, match="longer"):
        codec.encode({"x": "y" * (room + 1)})
    with pytest.raises(errors.DataError, match="longer"):
        codec.decode(line + b" ")


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), b"bytes"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(errors.DataError, match="cannot be written"):
        codec.encode({"x": value})


def test_text_of_any_kind_stays_on_one_line() -> None:
    line = codec.encode({"x": "a\nb\u2028\ud800"})
    assert line.count(b"\n") == 1
    assert codec.decode(line) == {"x": "a\nb\u2028\ud800"}


@pytest.mark.parametrize(
    "kind",
    [
        errors.UsageError,
        errors.DataError,
        errors.UnknownInstance,
        errors.SupervisorDown,
        errors.AlreadyExists,
        errors.LedgerError,
        errors.TryAgain,
        errors.VaultError,
        errors.ConfigError,
        errors.InvariantError,
    ],
)
def test_errors_cross_the_wire(kind: type[errors.InvestBotError]) -> None:
    told = codec.failure(7, kind("A sentence."))
    assert told == {"id": 7, "ok": False, "exit_code": kind.exit_code, "message": "A sentence."}
    back = codec.error_for(told["exit_code"], told["message"])
    assert type(back) is kind
    assert str(back) == "A sentence."


def test_a_code_that_nobody_uses_is_a_bug() -> None:
    assert isinstance(codec.error_for(1, "x"), errors.InvariantError)


def test_the_client_is_cheap_to_import() -> None:
    code = (
        "import sys; import investbot.control.client; "
        "print([m for m in ('pydantic', 'asyncio', 'ssl', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
