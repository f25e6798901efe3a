"""Log lines as JSON, and secrets struck out of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from investbot.adapters.log.json_lines import STRUCK_OUT, JsonLines, Redactor, fields


class Kept(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(['canary-käse-"7"', b"\xca\xfe" * 16])


@pytest.fixture
def kept(redactor: Redactor) -> Iterator[Kept]:
    handler = Kept(JsonLines(redactor, instance="alpha"))
    logger = logging.getLogger("investbot.test")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)


def test_a_line_says_when_how_grave_what_and_about_what(kept: Kept) -> None:
    logging.getLogger("investbot.test").warning(
        "signal_raised", extra=fields(symbol="BTC/USDT", confidence=0.8, stop=None)
    )
    line = json.loads(kept.lines[0])
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "warning",
        "event": "signal_raised",
        "instance": "alpha",
        "symbol": "BTC/USDT",
        "confidence": 0.8,
    }


def test_a_stranger_is_named() -> None:
    record = logging.LogRecord("somelib.http", logging.INFO, "f.py", 1, "hello %s", ("you",), None)
    line = json.loads(JsonLines(Redactor()).format(record))
    assert (line["logger"], line["event"]) == ("somelib.http", "hello you")


def test_a_value_that_json_does_not_know_is_written_as_text() -> None:
    record = logging.LogRecord("investbot", logging.INFO, "f.py", 1, "x", (), None)
    record.__dict__.update(fields(path=object))
    assert json.loads(JsonLines(Redactor()).format(record))["path"] == "<class 'object'>"
    assert "logger" not in json.loads(JsonLines(Redactor()).format(record))


@pytest.mark.parametrize(
    "shown", ['canary-käse-"7"', 'canary-k\\u00e4se-\\"7\\"', "cafe" * 16, "CAFE" * 16, "x'" + "cafe" * 16 + "'"]
)
def test_a_known_secret_is_struck_out_in_every_spelling(redactor: Redactor, shown: str) -> None:
    cleaned = redactor.clean(f"before {shown} after")
    assert STRUCK_OUT in cleaned
    assert "canary" not in cleaned
    assert "cafe" not in cleaned.lower()


def test_a_secret_in_a_message_a_field_or_a_traceback_never_reaches_the_line(kept: Kept) -> None:
    logger = logging.getLogger("investbot.test")
    secret = 'canary-käse-"7"'
    logger.info("got %s", secret)
    logger.info("x", extra=fields(key=secret, nested={"key": [secret]}))
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("crashed")
    assert "Traceback" in kept.lines[2]
    for line in kept.lines:
        assert "canary" not in line
        json.loads(line)


def test_a_word_is_no_secret() -> None:
    redactor = Redactor(["abc", b"\x01\x02"])
    assert redactor.clean("abc 0102") == "abc 0102"


def test_the_longest_secret_goes_first() -> None:
    redactor = Redactor(["canary", "canary-and-more"])
    assert redactor.clean("canary-and-more canary") == f"{STRUCK_OUT} {STRUCK_OUT}"
