from __future__ import annotations

import sys
from pathlib import Path

import pytest

from investbot.adapters.charts.picture import Candles, Mark, Zone, draw
from investbot.domain.errors import ConfigError

SHOWN = Candles(
    "BTC/USDT 5m", [300_000, 600_000, 900_000], [1.0, 2.0, 3.0], [2.5, 3.5, 3.2], [0.5, 1.5, 1.0], [2.0, 3.0, 1.5]
)
MARKS = [Mark("HH", 3.5, 600_000, is_bullish=False), Mark("spring", 1.0, 900_000), Mark("day", 2.2), Mark("far", 99.0)]
ZONES = [Zone(1.0, 2.0, 600_000), Zone(2.0, 2.5, 1, is_bullish=False)]


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")])
def test_a_picture_is_written_in_the_kind_of_its_name(tmp_path: Path, name: str, begins: bytes) -> None:
    draw(tmp_path / name, SHOWN, MARKS, ZONES)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_words_and_times_are_in_it(tmp_path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none"}):
        draw(tmp_path / "a.svg", SHOWN, MARKS)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert all(word in text for word in ("BTC/USDT 5m", "HH", "spring", "day", "01-01T00:05"))
    assert "far" not in text


@pytest.mark.parametrize("name", ["a.jpg", "a"])
def test_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.png, \.svg or \.pdf"):
        draw(tmp_path / name, SHOWN)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="could not be written"):
        draw(tmp_path / "none" / "a.png", SHOWN)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"investbot\[charts\]"):
        draw(tmp_path / "a.png", SHOWN)
