"""Whatever a source answers, nothing changes but that it is told: one answer a test, over a real connection."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import pytest

from investbot.adapters.intelligence.feed_source import FeedSource, WordLists
from investbot.adapters.intelligence.fetching import Fetcher
from investbot.adapters.intelligence.json_source import JsonSource, Paths
from investbot.adapters.intelligence.terms import MOST_ITEMS, Terms
from investbot.domain.errors import DataError
from investbot.domain.market import DAY
from investbot.domain.times import rfc3339
from investbot.ports.intelligence import Answer
from tests.unit.adapters.intelligence.answers import response, stranger

NOW = 1_704_110_400_000
GOOD = {"value": 20, "at": rfc3339(NOW - 1000), "symbol": "BTC", "sure": 0.9}
PATHS = Paths("data", "value", 0.0, 100.0, "at", symbol="symbol", confidence="sure", markets={"BTC": "BTC/USDT"})
WORDS = WordLists(("approval",), ("hack",))
MIB = 1 << 20


def body(*rows: Any) -> bytes:
    return json.dumps({"data": rows}).encode()


async def asked(answer: bytes, *, pause_s: float = 0.0, feed: bool = False, timeout_s: float = 20.0) -> Answer:
    terms = Terms("x", timeout_s=timeout_s)
    async with stranger(answer, pause_s) as server:
        fetcher = Fetcher(server.url, timeout_s, terms.max_bytes)
        source = FeedSource(terms, WORDS, fetcher) if feed else JsonSource(terms, PATHS, fetcher)
        try:
            return await source.look(NOW)
        finally:
            await source.close()


async def refused(answer: bytes, **more: Any) -> str:
    with pytest.raises(DataError) as error:
        await asked(answer, **more)
    told = str(error.value)
    assert told.endswith(".")
    assert "all=1" not in told
    return told


async def test_a_good_answer_is_understood() -> None:
    answer = await asked(response(body(GOOD)))
    (item,) = answer.items
    assert (item.symbol, item.bias, item.confidence, item.published_at) == ("BTC/USDT", -0.6, 0.9, NOW - 1000)
    assert answer.left_out == ()


async def test_ten_megabytes() -> None:
    assert "more than 1048576 bytes" in await refused(response(b'{"data": "' + b"x" * 10 * MIB + b'"}'))


async def test_ten_megabytes_that_nobody_announced() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    assert "more than" in await refused(head + b"[" * 10 * MIB)


async def test_a_page() -> None:
    assert "page" in await refused(response(b"<!doctype html><html><body>Just a moment</body></html>"))


async def test_nested_ten_thousand_deep() -> None:
    assert "nested" in await refused(response(b"[" * 10_000 + b"]" * 10_000))
    assert "nested" in await refused(response(b'{"data":' * 10_000 + b"1" + b"}" * 10_000))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_numbers_that_are_none(number: str) -> None:
    assert "not JSON" in await refused(response(f'{{"data": [{{"value": {number}}}]}}'.encode()))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 400, '"NaN"', '"inf"', "true", "null", "[]", "{}", '""'])
async def test_values_that_are_no_numbers(number: str) -> None:
    row = json.dumps(GOOD).replace("20", number, 1)
    answer = await asked(response(f'{{"data": [{row}]}}'.encode()))
    assert answer.items == ()
    assert len(answer.left_out) == 1


async def test_a_number_of_five_thousand_digits() -> None:
    assert "not JSON" in await refused(response(f'{{"data": [{{"value": {"1" * 5000}}}]}}'.encode()))


@pytest.mark.parametrize("value", [-1, 101, 1e300])
async def test_a_bias_out_of_its_bounds(value: float) -> None:
    answer = await asked(response(body({**GOOD, "value": value})))
    assert (answer.items, len(answer.left_out)) == ((), 1)


@pytest.mark.parametrize("at", [NOW + DAY, NOW // 1000 + 3600, "2999-01-01T00:00:00Z", str(NOW + DAY)])
async def test_dates_of_the_future(at: object) -> None:
    answer = await asked(response(body({**GOOD, "at": at})))
    assert answer.items == ()
    assert "future" in answer.left_out[0]


@pytest.mark.parametrize("at", [10**30, -(10**30), "soon", None, [], True, 1e300, -5])
async def test_dates_that_are_none(at: object) -> None:
    answer = await asked(response(body({**GOOD, "at": at})))
    assert (answer.items, len(answer.left_out)) == ((), 1)


async def test_what_has_expired_is_left_out_without_a_word() -> None:
    assert await asked(response(body({**GOOD, "at": NOW - 2 * DAY}))) == Answer(())


@pytest.mark.parametrize(
    "rows", [[[]], [1], ["x"], [None], [{}], [{"value": 1}], [{**GOOD, "sure": 2}], [{**GOOD, "symbol": {}}]]
)
async def test_rows_of_wrong_types(rows: list[Any]) -> None:
    answer = await asked(response(body(*rows)))
    assert (answer.items, len(answer.left_out)) == ((), 1)


@pytest.mark.parametrize(
    "told", [b"[]", b"{}", b"1", b'"x"', b"null", b'{"data": 5}', b'{"data": "x"}', b"", b"\xff\xfe"]
)
async def test_answers_of_wrong_types(told: bytes) -> None:
    await refused(response(told))


async def test_a_bad_row_does_not_take_the_good_ones_with_it() -> None:
    answer = await asked(response(body({**GOOD, "value": "x"}, GOOD, {**GOOD, "symbol": "DOGE"})))
    assert (len(answer.items), len(answer.left_out)) == (1, 1)


async def test_only_the_first_rows_are_looked_at() -> None:
    rows = [{**GOOD, "value": number / 10} for number in range(MOST_ITEMS + 50)]
    assert len((await asked(response(body(*rows)))).items) == MOST_ITEMS


async def test_a_slow_drip() -> None:
    told = await refused(response(body(GOOD)), pause_s=0.02, timeout_s=0.3)
    assert "did not answer within 0.3 seconds" in told


async def test_silence() -> None:
    assert "cannot be asked" in await refused(b"")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async with stranger(response(body(GOOD))) as elsewhere:
        told = await refused(response(b"", status, Location=elsewhere.url))
        assert "leads elsewhere" in told
        assert elsewhere.asked == []


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found", "429 Too Many", "500 Oops", "503 Later"])
async def test_any_other_status_than_ok(status: str) -> None:
    assert status[:3] in await refused(response(body(GOOD), status))


async def test_a_gzip_bomb() -> None:
    bomb = gzip.compress(b" " * (1 << 30 >> 3))  # 128 MiB out of 128 KiB
    assert len(bomb) < MIB
    tracemalloc.start()
    try:
        assert "more than" in await refused(response(bomb, Content_Encoding="gzip"))
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


async def test_honest_gzip_is_unfolded() -> None:
    assert len((await asked(response(gzip.compress(body(GOOD)), Content_Encoding="gzip"))).items) == 1


@pytest.mark.parametrize("told", [b"no gzip", gzip.compress(body(GOOD), mtime=0)[:-12]])
async def test_gzip_that_is_none(told: bytes) -> None:
    assert "gzip" in (said := await refused(response(told, Content_Encoding="gzip"))) or "broke off" in said


async def test_a_coding_nobody_asked_for() -> None:
    assert "coding" in await refused(response(b"x", Content_Encoding="br"))


@pytest.mark.parametrize(
    "told", [b"\x00\x01\x02", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"]
)
async def test_what_is_no_http(told: bytes) -> None:
    assert "cannot be asked" in await refused(told)


async def test_nobody_listens() -> None:
    fetcher = Fetcher("http://127.0.0.1:9/", 5.0, MIB)
    with pytest.raises(DataError, match=r"127\.0\.0\.1 cannot be asked"):
        await fetcher.get()
    await fetcher.close()


async def test_a_key_goes_into_its_header_and_nowhere_else() -> None:
    async with stranger(response(b"", "500 Oops")) as server:
        fetcher = Fetcher(server.url, 5.0, MIB, {"X-Key": "canary-key"})
        with pytest.raises(DataError) as error:
            await fetcher.get()
        assert "canary" not in f"{error.value}{fetcher!r}"
        assert "X-Key: canary-key" in server.asked[0]
        await fetcher.close()


BOMB = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><rss><channel><item><title>&c;</title></item></channel></rss>"""
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><item><title>&x;</title></item></rss>'
BROKEN = (
    b"",
    b"{}",
    b"<html><item/></html>",
    b"<rss><item>",
    b"<rss/><rss/>",
    b'<?xml version="1.0" encoding="xx"?><rss/>',
)


@pytest.mark.parametrize("told", [BOMB, OUTSIDE, b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd"><rss/>'])
async def test_entities_that_unfold_or_reach_outside(told: bytes) -> None:
    assert "document type" in await refused(response(told), feed=True)


@pytest.mark.parametrize("told", BROKEN)
async def test_what_is_no_feed(told: bytes) -> None:
    assert "no feed" in await refused(response(told), feed=True)


async def test_a_feed_nested_ten_thousand_deep() -> None:
    assert "nested" in await refused(response(b"<rss>" * 10_000 + b"</rss>" * 10_000), feed=True)


async def test_a_feed_of_a_hundred_thousand_elements() -> None:
    assert "too many" in await refused(response(b"<rss>" + b"<a/>" * 100_000 + b"</rss>"), feed=True)


async def test_the_worst_a_megabyte_can_do_is_bounded() -> None:
    """Nothing that fits into an answer takes more than 48 MiB while it is read."""
    worst = (
        (response(b'{"data":[' + b"[]," * 340_000 + b"1]}"), False),
        (response(b'{"data":[' + b'{"":0},' * 149_000 + b"1]}"), False),
        (response(b"<rss>" + b"<item><title>hack</title></item>" * 32_000 + b"</rss>"), True),
        (response(b"<rss><item><title>" + b"x" * 1_000_000 + b"</title></item></rss>"), True),
    )
    for told, feed in worst:
        tracemalloc.start()
        try:
            answer = await asked(told, feed=feed)
            peak = tracemalloc.get_traced_memory()[1]
        except DataError:
            peak = tracemalloc.get_traced_memory()[1]
            answer = Answer(())
        finally:
            tracemalloc.stop()
        assert peak < 48 * MIB, (told[:120], peak)
        assert len(answer.items) + len(answer.left_out) <= MOST_ITEMS
