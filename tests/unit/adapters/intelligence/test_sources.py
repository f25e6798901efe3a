"""What honest sources say, understood: an index, feeds of both kinds, a file that grows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.intelligence.feed_source import FeedSource, WordLists
from investbot.adapters.intelligence.fetching import Fetcher
from investbot.adapters.intelligence.file_source import FileSource
from investbot.adapters.intelligence.json_source import JsonSource, Paths
from investbot.adapters.intelligence.terms import Terms, moment_of
from investbot.domain.errors import DataError
from investbot.domain.market import DAY, HOUR, MINUTE
from investbot.domain.times import rfc3339
from investbot.ports.intelligence import IntelligenceSource

NOW = 1_704_110_400_000  # 2024-01-01T12:00:00Z, a Monday
INDEX = {
    "name": "Fear and Greed Index",
    "data": [
        {"value": "25", "value_classification": "Extreme Fear", "timestamp": "1704067200", "time_until_update": "1"},
        {"value": "75", "value_classification": "Greed", "timestamp": "1703980800"},
    ],
}
PATHS = Paths("data", "value", 0.0, 100.0, "timestamp", text="value_classification")
RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>News</title>
<item><title>Bitcoin ETF approval near</title><description>Approval &amp; inflows</description>
<pubDate>Mon, 01 Jan 2024 11:00:00 GMT</pubDate><guid>g1</guid></item>
<item><title>Exchange hack drains ether</title><dc:date>2024-01-01T11:30:00Z</dc:date><link>https://example.org/2</link></item>
<item><title>Nothing happened</title><pubDate>Mon, 01 Jan 2024 11:00:00 GMT</pubDate></item>
<item><title>Old hack</title><pubDate>Mon, 01 Jan 2023 11:00:00 GMT</pubDate></item>
<item><title>Odd hack</title><pubDate>yesterday</pubDate></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry><title type="text">Hack</title>
<id>urn:1</id><updated>2024-01-01T11:45:00+00:00</updated><author><name>approval</name></author></entry></feed>"""
WORDS = WordLists(
    ("approval", "inflows"), ("hack", "drains"), {"BTC/USDT": ("bitcoin", "btc"), "ETH/USDT": ("ether", "eth")}
)


def fetcher() -> Fetcher:
    return Fetcher("http://127.0.0.1:9/", 1.0, 1 << 20)


async def test_an_index_becomes_items_of_the_whole_market() -> None:
    source = JsonSource(Terms("fear", life=48 * HOUR, confidence=0.6), PATHS, fetcher())
    answer = source.read(json.dumps(INDEX).encode(), NOW)
    first, second = answer.items
    assert (first.symbol, first.bias, first.confidence, first.text) == ("*", -0.5, 0.6, "Extreme Fear")
    assert (first.published_at, first.expires_at) == (1_704_067_200_000, 1_704_067_200_000 + 48 * HOUR)
    assert second.bias == 0.5
    assert first.item_id != second.item_id
    assert source.read(json.dumps(INDEX).encode(), NOW + MINUTE).items == answer.items
    await source.close()


async def test_much_may_be_bad() -> None:
    source = JsonSource(Terms("fear"), Paths("data", "value", 100.0, 0.0, "timestamp"), fetcher())
    assert source.read(json.dumps(INDEX).encode(), NOW).items[0].bias == 0.5
    await source.close()


async def test_an_item_without_a_moment_counts_from_now_and_is_the_same_item_while_it_lasts() -> None:
    source = JsonSource(Terms("fear", life=HOUR), Paths("data.0", "value", 0.0, 100.0), fetcher())
    (early,) = source.read(json.dumps(INDEX).encode(), NOW).items
    (late,) = source.read(json.dumps(INDEX).encode(), NOW + MINUTE).items
    assert (early.published_at, late.published_at) == (NOW, NOW + MINUTE)
    assert early.item_id == late.item_id
    await source.close()


@pytest.mark.parametrize(("named", "symbol"), [("BTC", "BTC/USDT"), ("btcusdt", "BTC/USDT"), ("*", "*")])
async def test_symbols_are_understood(named: str, symbol: str) -> None:
    markets = {"BTC": "BTC/USDT", "BTCUSDT": "BTC/USDT", "*": "*"}
    source = JsonSource(Terms("x"), Paths(symbol="coin", name="no", markets=markets), fetcher())
    (item,) = source.read(json.dumps({"bias": 0.1, "coin": named, "no": 7}).encode(), NOW).items
    assert (item.symbol, item.item_id) == (symbol, "7")
    assert source.read(json.dumps({"bias": 0.1, "coin": "DOGE", "no": 7}).encode(), NOW).items == ()
    await source.close()


async def test_rss_is_weighed_by_its_words_for_the_symbols_it_mentions() -> None:
    source = FeedSource(Terms("news"), WORDS, fetcher())
    answer = source.read(RSS.encode(), NOW)
    told = [(item.symbol, item.bias, item.published_at, item.item_id, item.text) for item in answer.items]
    assert told == [
        ("BTC/USDT", 1.0, NOW - HOUR, "g1 BTC/USDT", "Bitcoin ETF approval near"),
        ("ETH/USDT", -1.0, NOW - 30 * MINUTE, "https://example.org/2 ETH/USDT", "Exchange hack drains ether"),
    ]
    assert len(answer.left_out) == 1
    await source.close()


async def test_atom_is_a_feed_too_and_only_its_own_fields_count() -> None:
    source = FeedSource(Terms("news", symbols=("BTC/USDT",)), WordLists(("approval",), ("hack",)), fetcher())
    (item,) = source.read(ATOM.encode(), NOW).items
    assert (item.symbol, item.bias, item.published_at) == ("BTC/USDT", -1.0, NOW - 15 * MINUTE)
    await source.close()


@pytest.mark.parametrize(
    ("text", "bias"),
    [
        ("approval", 1.0),
        ("APPROVAL, hack!", 0.0),
        ("approval approval hack", pytest.approx(1 / 3)),
        ("disapproval", None),
    ],
)
def test_whole_words_count(text: str, bias: float | None) -> None:
    assert WordLists(("approval",), ("hack",)).bias(text) == bias


def test_phrases_count_too() -> None:
    words = WordLists(("all time high",), ("sell off",))
    assert words.bias("A new ALL-TIME high? No: all time high") == 1.0
    assert list(WORDS.symbols("Bitcoins and ethers")) == []


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (1_704_110_400, NOW),
        (1_704_110_400.5, NOW + 500),
        ("1704110400", NOW),
        (NOW, NOW),
        (str(NOW), NOW),
        ("2024-01-01T12:00:00Z", NOW),
        ("2024-01-01T13:00:00+01:00", NOW),
    ],
)
def test_moments_are_understood(value: object, at: int) -> None:
    assert moment_of(value) == at


@pytest.mark.parametrize("value", [float("nan"), "9" * 40, "", None, True, {}])
def test_what_is_no_moment_is_none(value: object) -> None:
    with pytest.raises(DataError):
        moment_of(value)


def line(bias: float, at: int = NOW, **more: object) -> str:
    return json.dumps({"bias": bias, "confidence": 0.5, "published_at": rfc3339(at), **more})


async def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(line(0.1) + "\n\n", encoding="utf-8")
    source = FileSource(Terms("mine", life=HOUR), file)
    (first,) = (await source.look(NOW)).items
    assert (first.source, first.bias, first.expires_at) == ("mine", 0.1, NOW + HOUR)
    assert (await source.look(NOW)).items == (first,)
    with file.open("a", encoding="utf-8") as grown:
        grown.write(line(0.2, source="other") + "\n")
    assert [(item.source, item.bias) for item in (await source.look(NOW)).items] == [("other", 0.2), ("mine", 0.1)]
    before = file.stat()
    file.write_text(file.read_text(encoding="utf-8").replace("0.2", "0.3"), encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert (await source.look(NOW)).items[0].bias == 0.3
    assert (await source.look(NOW + DAY)).items == ()
    await source.close()


async def test_bad_lines_are_told_and_the_others_count(tmp_path: Path) -> None:
    file = tmp_path / "items.jsonl"
    lines = [line(0.1), "no json", line(5.0), line(0.2, at=NOW + DAY), "[" * 9000, line(0.3, colour="red")]
    file.write_text("\n".join(lines), encoding="utf-8")
    answer = await FileSource(Terms("mine", life=HOUR), file).look(NOW)
    assert (len(answer.items), len(answer.left_out)) == (1, 5)


async def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    async def refusal(path: Path, **more: Any) -> str:
        with pytest.raises(DataError) as error:
            await FileSource(Terms("mine", **more), path).look(NOW)
        assert str(tmp_path) not in str(error.value)
        return str(error.value)

    assert "No such file" in await refusal(tmp_path / "gone")
    assert "no file" in await refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "no file" in await refusal(tmp_path / "pipe")
    (tmp_path / "big").write_bytes(b"x" * 101)
    assert "more than 100 bytes" in await refusal(tmp_path / "big", max_bytes=100)
    (tmp_path / "odd").write_bytes(b"\xff\xfe\xfa")
    assert "UTF-8" in await refusal(tmp_path / "odd")


async def test_each_tells_its_name_and_times(tmp_path: Path) -> None:
    terms = Terms("x", every_s=7.0, timeout_s=3.0)
    sources: list[IntelligenceSource] = [
        JsonSource(terms, PATHS, fetcher()),
        FeedSource(terms, WORDS, fetcher()),
        FileSource(terms, tmp_path / "f"),
    ]
    for source in sources:
        assert (source.name, source.every_s, source.timeout_s) == ("x", 7.0, 3.0)
        await source.close()
        await source.close()
