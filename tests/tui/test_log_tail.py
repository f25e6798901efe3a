from __future__ import annotations

from pathlib import Path

import pytest

from investbot.tui.log_tail import parts, tail


def test_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "instance.log"
    log.write_text("one\ntwo\nthree\n")
    assert tail(log, 2) == ("two", "three")
    assert tail(log, 9) == ("one", "two", "three")


def test_only_the_end_of_a_large_log_is_read_and_no_torn_line_shown(tmp_path: Path) -> None:
    log = tmp_path / "instance.log"
    log.write_text("".join(f"line {number:06d}\n" for number in range(20_000)))
    lines = tail(log, 100_000)
    assert lines[-1] == "line 019999"
    assert 5_000 < len(lines) < 6_000
    assert all(len(line) == len("line 000000") for line in lines)


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log", 5) == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '{"at": "2026-01-02T03:04:05Z", "level": "info", "event": "started", "instance": "alpha", "pid": 7}',
            ("2026-01-02T03:04:05Z", "info", "started pid=7"),
        ),
        ('{"event": "crashed", "traceback": "long"}', ("", "", "crashed")),
        ("torn {", ("", "", "torn {")),
        ("[1]", ("", "", "[1]")),
    ],
)
def test_a_line_taken_apart(line: str, expected: tuple[str, str, str]) -> None:
    assert parts(line) == expected
