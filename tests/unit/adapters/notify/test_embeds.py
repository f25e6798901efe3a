from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.adapters.notify.embeds import MAX_MESSAGE, clean, cut, embed, fitting, harmless, size
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from tests.fakes.discord import TOKEN, faults, units

NOON = 1_767_355_445_000  # 2026-01-02T12:04:05Z
PLAIN = Notice(NOON, Kind.TRADES, "LONG BTC/USDT 5m", "alpha", "paper", tone=Tone.LONG)
TEXTS = st.text(max_size=6000)
NOTICES = st.builds(
    Notice,
    at=st.integers(0, NOON),
    kind=st.sampled_from(Kind),
    title=TEXTS.filter(str.strip),
    name=st.text(max_size=3000),
    mode=st.sampled_from(["", "paper", "live"]),
    text=TEXTS,
    fields=st.lists(st.tuples(TEXTS, TEXTS), max_size=30).map(tuple),
    weight=st.sampled_from(Weight),
    tone=st.sampled_from(Tone),
    count=st.integers(1, 10**6),
)


def test_an_entry_reads_as_it_should() -> None:
    notice = replace(
        PLAIN,
        text="EMA(9) crossed above EMA(21).",
        fields=(("Entry", "64397.77"), ("SL", "63753.8"), ("TP", "65685.72"), ("Confidence", "50%"), ("R:R", "1.14")),
    )
    assert embed(notice) == {
        "title": "LONG BTC/USDT 5m",
        "color": 0x2ECC71,
        "timestamp": "2026-01-02T12:04:05Z",
        "footer": {"text": "alpha · paper · InvestBot"},
        "description": "EMA(9) crossed above EMA(21).",
        "fields": [
            {"name": "Entry", "value": "64397.77", "inline": True},
            {"name": "SL", "value": "63753.8", "inline": True},
            {"name": "TP", "value": "65685.72", "inline": True},
            {"name": "Confidence", "value": "50%", "inline": True},
            {"name": "R:R", "value": "1.14", "inline": True},
        ],
    }


def test_colour_goes_by_direction_and_real_money_is_plain_to_see() -> None:
    short = embed(replace(PLAIN, tone=Tone.SHORT, mode="live"))
    assert short["color"] == 0xE74C3C
    assert short["footer"]["text"] == "alpha · LIVE · InvestBot"
    assert len({embed(replace(PLAIN, tone=tone))["color"] for tone in Tone}) == len(Tone)


def test_an_alarm_and_a_count_are_seen_in_the_title() -> None:
    assert embed(replace(PLAIN, title="x", weight=Weight.ALARM, count=7))["title"] == "⚠ 7 × x"


def test_the_fleet_has_no_name() -> None:
    assert embed(Notice(NOON, Kind.DAILY, "x"))["footer"] == {"text": "InvestBot"}


@given(st.lists(NOTICES, min_size=1, max_size=12))
def test_whatever_is_told_keeps_every_limit(notices: list[Notice]) -> None:
    count = fitting(notices)
    assert 1 <= count <= 10
    message = {"embeds": [embed(notice) for notice in notices[:count]], "allowed_mentions": {"parse": []}}
    assert faults(message) == []


def test_as_many_go_into_one_message_as_fit() -> None:
    assert fitting([PLAIN] * 12) == 10
    assert fitting([replace(PLAIN, text="x" * 2500)] * 3) == 2
    assert fitting([replace(PLAIN, text="x" * 9000)] * 3) == 1


def test_what_does_not_fit_is_said_so() -> None:
    long = embed(replace(PLAIN, text="x" * 9000, fields=tuple((f"name {n}", "y" * 900) for n in range(30))))
    assert len(long["fields"]) < 30
    assert re.search(r"… \(\d+ more\)$", long["description"])
    assert size(long) <= MAX_MESSAGE
    some = embed(replace(PLAIN, fields=tuple((f"name {n}", "y") for n in range(27))))
    assert some["description"] == "(2 more lines do not fit here)"


@pytest.mark.parametrize(
    "text",
    [
        "@everyone",
        "@here",
        "<@1234>",
        "<@&1234>",
        "<#1234>",
        "</slash:1>",
        "<https://x.test>",
        "[here](https://x.test)",
    ],
)
def test_nothing_mentions_or_links(text: str) -> None:
    notice = Notice(NOON, Kind.TRADES, f"a {text}", text=text, fields=((text, text),))
    said = json.dumps(embed(notice), ensure_ascii=False)
    assert not re.search(r"@everyone|@here|<@|<#|</|://|(?<!\\)\]\(", said)
    footer = embed(replace(notice, name=text, mode=text))["footer"]["text"]  # shown as it is, but for mentions
    assert not re.search(r"@everyone|@here|<@|<#|</|://", footer)


def test_formatting_is_only_shown() -> None:
    assert clean("**a** `b` ~~c~~ || [d](e) # > f_g") == r"\*\*a\*\* \`b\` \~\~c\~\~ \|\| \[d\](e) \# \> f\_g"
    assert harmless("my_bot") == "my_bot"
    assert clean("a\x00b\x1b[31m\u202e\n") == "a b \\[31m \n"


def test_an_address_of_a_webhook_is_struck_out() -> None:
    said = clean(f"POST https://discord.com/api/webhooks/12/{TOKEN} failed")
    assert said == "POST [address] failed"
    assert TOKEN not in said


@given(st.text(max_size=600), st.integers(40, 300))
def test_a_cut_text_has_its_length_and_says_what_is_missing(text: str, most: int) -> None:
    short = cut(text, most)
    assert units(short) <= most
    if units(text) > most:
        kept, _, rest = short.rpartition("… (")
        assert text.startswith(kept)
        assert int(rest.removesuffix(" more)")) >= len(text) - len(kept) - 1
    else:
        assert short == text
