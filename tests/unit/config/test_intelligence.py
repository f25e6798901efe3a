"""`[intelligence]`: what a source needs, what it must not hold, and that it is written as it is read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.config.instance import dumps, loads, new_instance
from investbot.config.loading import load_profile
from investbot.config.profile import Profile
from investbot.domain.errors import ConfigError
from investbot.domain.market import HOUR, MINUTE

INDEX: dict[str, Any] = {
    "name": "fear",
    "kind": "json",
    "url": "https://api.example.org/fng/",
    "items": "data",
    "bias": "value",
    "bias_range": [0, 100],
    "published_at": "timestamp",
}
NEWS: dict[str, Any] = {
    "name": "news",
    "kind": "feed",
    "url": "http://127.0.0.1:8080/rss",
    "bullish": ["approval"],
    "mentions": {"BTC/USDT": ["bitcoin", "btc"]},
}
FILE: dict[str, Any] = {"name": "mine", "kind": "file", "file": "items.jsonl", "every": "5s"}


def profile(*sources: dict[str, Any], **more: Any) -> Profile:
    return Profile.model_validate({"intelligence": {"sources": list(sources), **more}})


def test_every_kind_is_read_and_written_as_it_was() -> None:
    made = profile(INDEX, NEWS, FILE, veto_below=-0.5, veto_above="0.9")
    index, news, file = made.intelligence.sources
    assert (index.port, news.port, file.port) == (443, 8080, None)
    assert (index.every, file.every, index.expires_after) == (15 * MINUTE, 5000, 24 * HOUR)
    assert index.bias_range == (Decimal(0), Decimal(100))
    assert index.symbols == ("*",)
    assert news.mentions == {"BTC/USDT": ("bitcoin", "btc")}
    assert (made.intelligence.veto_below, made.intelligence.veto_above) == (Decimal("-0.5"), Decimal("0.9"))
    config = new_instance("alpha", made, "mine", Decimal(500), 0)
    assert loads(dumps(config)).intelligence == made.intelligence


def test_a_file_is_seen_from_its_profile(tmp_path: Path) -> None:
    text = '[[intelligence.sources]]\nname = "mine"\nkind = "file"\nfile = "items.jsonl"\n'
    (tmp_path / "p.toml").write_text(text + '[venue.replay]\nfacts = "past.jsonl"\n', encoding="utf-8")
    made = load_profile(tmp_path / "p.toml", [tmp_path], {})
    assert made.intelligence.sources[0].file == str(tmp_path / "items.jsonl")
    assert made.venue.replay.facts == str(tmp_path / "past.jsonl")


@pytest.mark.parametrize(
    ("source", "change", "words"),
    [
        (INDEX, {"name": ""}, "name"),
        (INDEX, {"kind": "soap"}, "none of json, feed, file"),
        (INDEX, {"url": ""}, "name its address"),
        (INDEX, {"url": "ftp://example.org"}, "https://HOST"),
        (INDEX, {"url": "https://"}, "https://HOST"),
        (INDEX, {"url": "https://exa mple.org"}, "https://HOST"),
        (INDEX, {"url": "https://[::1/x"}, "no address"),
        (INDEX, {"url": "https://example.org:99999/"}, "no address"),
        (INDEX, {"url": "https://me:secret@example.org/"}, "investbot intelligence key"),
        (INDEX, {"url": "https://example.org/?api_key=1"}, "investbot intelligence key"),
        (INDEX, {"url": "https://example.org/?auth_token=1"}, "investbot intelligence key"),
        (INDEX, {"bias_range": [1, 1]}, "must differ"),
        (INDEX, {"bias_range": [1]}, "such as"),
        (INDEX, {"bias_range": "0..1"}, "such as"),
        (INDEX, {"confidence": 1.5}, "fraction from 0 to 1"),
        (INDEX, {"symbols": ["BTC"]}, "not a symbol"),
        (INDEX, {"symbols": "BTC/USDT"}, "list"),
        (INDEX, {"expires_after": "31d"}, "30 days"),
        (INDEX, {"every": "999ms"}, "every second at most"),
        (INDEX, {"timeout": "61s"}, "a minute at most"),
        (INDEX, {"max_bytes": 9_000_000}, "bytes at most"),
        (INDEX, {"key_header": "X Key"}, "header"),
        (INDEX, {"key_header": "X-Key", "url": "http://example.org/"}, "plain HTTP"),
        (INDEX, {"apikey": "k"}, "no key apikey"),
        (NEWS, {"bullish": []}, "words"),
        (NEWS, {"bullish": "approval"}, "list of words"),
        (NEWS, {"mentions": ["BTC"]}, "mentions"),
        (NEWS, {"mentions": {"BTC": ["btc"]}}, "not a symbol"),
        (FILE, {"file": ""}, "name it with"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(source: dict[str, Any], change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        profile({**source, **change})


def test_a_source_needs_a_name_and_a_kind_and_is_a_table(tmp_path: Path) -> None:
    for wrong in ('sources = ["news"]', 'sources = "news"', 'sources = [{ name = "a" }]', 'sources = { name = "a" }'):
        (tmp_path / "p.toml").write_text(f"[intelligence]\n{wrong}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"intelligence\.sources"):
            load_profile(tmp_path / "p.toml", [tmp_path], {})


def test_names_are_used_once_and_sources_are_few() -> None:
    with pytest.raises(ValueError, match="two sources"):
        profile(FILE, FILE)
    with pytest.raises(ValueError, match="at most 16"):
        profile(*({**FILE, "name": f"n{number}"} for number in range(17)))


def test_a_key_may_go_to_this_machine_in_the_clear() -> None:
    made = profile({**NEWS, "key_header": "X-Key"})
    assert made.intelligence.sources[0].key_header == "X-Key"


@pytest.mark.parametrize("value", [-1.1, 1.1, "much", True])
def test_a_veto_is_an_outlook(value: object) -> None:
    with pytest.raises(ValueError):
        profile(veto_below=value)


def test_no_veto_and_no_source_is_the_rule() -> None:
    made = Profile().intelligence
    assert (made.veto_below, made.veto_above, made.sources) == (None, None, ())
    assert profile(veto_below="").intelligence.veto_below is None
