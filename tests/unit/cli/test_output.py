from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from investbot.cli.output import Face, Output, dumps, line, text
from investbot.domain.states import Mode

ROWS: list[dict[str, object]] = [
    {"name": "alpha", "equity": "500.10", "hidden": 1},
    {"name": "b", "equity": None, "hidden": 2},
]


def test_rows_for_a_pipe_are_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows(ROWS, ["name", "equity"])
    assert capsys.readouterr().out == "name   equity\nalpha  500.10\nb      -\n"


def test_rows_for_a_program_hold_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Face.JSON).rows(ROWS, ["name"])
    assert json.loads(capsys.readouterr().out) == ROWS


def test_rows_on_a_terminal_are_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    Output().rows([{"name": "[bold]x", "equity": "1.5"}], ["name", "equity"])
    shown = capsys.readouterr().out
    assert "[bold]x" in shown
    assert "─" in shown


@pytest.mark.parametrize(("width", "shown"), [(80, "a b c d"), (31, "a b d"), (30, "a d"), (10, "a")])
def test_a_narrow_terminal_loses_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, shown: str
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    row = {"a": "x" * 10, "b": "y" * 10, "c": None, "d": "z" * 5}
    Output().rows([row], ["a", "b", "c", "d"], less=["b", "d"])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert " ".join(plain.splitlines()[1].split()) == shown


def test_no_rows_leave_the_pipe_empty(capsys: pytest.CaptureFixture[str]) -> None:
    Output().rows([], ["name"], "No instances.")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "No instances.\n")


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Output(Face.QUIET)
    quiet.rows(ROWS, ["name"])
    quiet.record({"a": 1})
    quiet.say("x")
    quiet.warn("x")
    quiet.item({"a": 1}, "x")
    quiet.value(1)
    assert quiet.lines([line("a", "done")]) == 0
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""


def test_csv_has_a_header_and_empty_cells(capsys: pytest.CaptureFixture[str]) -> None:
    Output().csv([{"a": Decimal("1E+2"), "b": None}, {"a": "x,y", "b": True}], ["a", "b"])
    assert capsys.readouterr().out == 'a,b\n100,\n"x,y",yes\n'


def test_records(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"open_positions": 1, "symbols": ["BTC/USDT", "ETH/USDT"], "parts": {"fast": 3}, "paused": {}}
    Output().record(record, title="alpha")
    assert (
        capsys.readouterr().out
        == "alpha\nopen positions  1\nsymbols         BTC/USDT ETH/USDT\nparts           fast=3\n"
        "paused          -\n"
    )
    Output(Face.JSON).record(record)
    assert json.loads(capsys.readouterr().out) == record


def test_a_stream_prints_a_line_an_item(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Face.JSON).item({"a": Decimal("0.10")}, "human")
    Output().item({"a": 1}, "human")
    assert capsys.readouterr().out == '{"a": "0.10"}\nhuman\n'


def test_the_worst_outcome_wins_and_failures_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line("a", "Started."), line("b", "There is none.", 66), line("c", "Busy.", 75)]
    assert Output().lines(lines) == 75
    shown = capsys.readouterr()
    assert shown.out == "a: Started.\n"
    assert shown.err == "b: There is none.\nc: Busy.\n"


def test_a_sentence_that_names_the_instance_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert Output().lines([line("alpha", "alpha is FATAL.", 70)]) == 70
    assert capsys.readouterr().err == "alpha is FATAL.\n"


def test_a_file_called_like_the_instance_does_not_hide_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert Output().lines([line("alpha", "alpha.csv: line 2: a price is not finite.", 65)]) == 65
    assert capsys.readouterr().err == "alpha: alpha.csv: line 2: a price is not finite.\n"


def test_outcomes_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Face.JSON).lines([line("a", "Started.")])
    assert json.loads(capsys.readouterr().out) == [{"name": "a", "ok": True, "exit_code": 0, "message": "Started."}]


def test_values_as_words() -> None:
    assert [text(each) for each in (None, True, False, 0.25, Decimal("1E-7"), Mode.LIVE)] == [
        "-",
        "yes",
        "no",
        "0.25",
        "0.0000001",
        "live",
    ]


def test_json_never_holds_a_number_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps({"a": float("nan")})


def test_warnings_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Face.JSON).warn("old data.")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "Warning: old data.\n")
