"""`[intelligence]` of a profile: what the world outside is asked, what its answers mean, and the veto."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, PlainSerializer, PlainValidator, ValidationError

from investbot.config.fields import (
    Count,
    Name,
    OptionalText,
    Share,
    SomeDuration,
    Text,
    one_of,
    read_number,
)
from investbot.config.sections import Section
from investbot.config.tables import is_secret
from investbot.domain.market import DAY, HOUR, MINUTE, SECOND

_LONGEST_LIFE = 30 * DAY
_MOST_BYTES = 8 << 20
_MOST_SOURCES = 16
_LOCAL = {"127.0.0.1", "localhost", "::1"}
_SYMBOL = re.compile(r"\*|[A-Za-z0-9.$_-]+/[A-Za-z0-9.$_-]+")
_KEY_WORDS = {"key", "auth_token", "access_token", "accesstoken", "authtoken"}
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


def _range(value: object) -> tuple[Decimal, Decimal]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError("write [number that means -1, number that means 1], such as [0, 100].")
    low, high = read_number(value[0]), read_number(value[1])
    if low == high:
        raise ValueError("the two numbers of bias_range must differ.")
    return low, high


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(each, str) for each in value):
        raise ValueError('write a list of words, such as ["approval", "inflows"].')
    return tuple(each.strip() for each in value if each.strip())


def _symbols(value: object) -> tuple[str, ...]:
    found = _words(value)
    for symbol in found:
        if not _SYMBOL.fullmatch(symbol):
            raise ValueError(f'{symbol!r} is not a symbol; write BASE/QUOTE, or "*" for the whole market.')
    return found or ("*",)


def _mentions(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise ValueError('write mentions as { "BTC/USDT" = ["bitcoin", "btc"] }.')  # noqa: TRY004
    return {_symbols([symbol])[0]: _words(words) for symbol, words in value.items()}


def _url(value: object) -> str | None:
    """Read an address without a secret; plain HTTP only where no key goes (see `_consistent`)."""
    if value is None or value == "":
        return None
    try:
        parts = urlsplit(str(value))
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{value!r} is no address.") from None
    if parts.scheme not in {"http", "https"} or not host or not str(value).isprintable() or " " in str(value):
        raise ValueError(f"{value!r} is no address; write https://HOST/PATH.")
    asked = [name for name, _ in parse_qsl(parts.query)]
    if parts.username or parts.password or any(is_secret(name) or name.lower() in _KEY_WORDS for name in asked):
        raise ValueError("a key stays out of this file; run `investbot intelligence key NAME SOURCE`.")
    return str(value)


def _header(value: object) -> str:
    if not isinstance(value, str) or (value and not _HEADER.fullmatch(value)):
        raise ValueError(f"{value!r} is not the name of a header, such as X-Api-Key.")
    return value


def _bias(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    number = read_number(value)
    if not -1 <= number <= 1:
        raise ValueError(f"{number} is not an outlook from -1 (falls) to 1 (rises).")
    return number


_Words = Annotated[tuple[str, ...], PlainValidator(_words), PlainSerializer(list)]


class SourcePart(Section):
    """`[[intelligence.sources]]`: one source, and what its answers mean.

    `kind` is json, feed (RSS, Atom) or file (JSON lines). `bias`, `published_at` … of json are dotted paths in an item,
    `bias_range` the numbers that mean -1 and 1; `bullish`, `bearish`, `mentions` of feed are words.
    """

    name: Name
    kind: Annotated[str, PlainValidator(one_of("json", "feed", "file"))]
    url: Annotated[str | None, PlainValidator(_url)] = None
    file: OptionalText = None
    every: SomeDuration = 15 * MINUTE
    timeout: SomeDuration = 10 * SECOND
    max_bytes: Count = 1 << 20
    expires_after: SomeDuration = 24 * HOUR
    symbols: Annotated[tuple[str, ...], PlainValidator(_symbols), PlainSerializer(list)] = ("*",)
    confidence: Share = Decimal("0.5")
    items: Text = ""
    bias: Text = "bias"
    bias_range: Annotated[tuple[Decimal, Decimal], PlainValidator(_range), PlainSerializer(list)] = (
        Decimal(-1),
        Decimal(1),
    )
    published_at: Text = ""
    symbol: Text = ""
    confidence_at: Text = ""
    id: Text = ""
    text: Text = ""
    bullish: _Words = ()
    bearish: _Words = ()
    mentions: Annotated[
        dict[str, tuple[str, ...]],
        PlainValidator(_mentions),
        PlainSerializer(lambda told: {symbol: list(words) for symbol, words in told.items()}),
    ] = Field(default_factory=dict)
    key_header: Annotated[str, PlainValidator(_header)] = ""
    key_prefix: Text = ""

    @property
    def port(self) -> int | None:
        """The TCP port it is asked at; None for a file."""
        if self.url is None:
            return None
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    def data(self) -> dict[str, Any]:
        """Give what was set, as TOML writes it."""
        return self.model_dump(exclude_unset=True, exclude_none=True)


def _sources(value: object) -> tuple[SourcePart, ...]:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ValueError('write each as a table [[intelligence.sources]], such as name = "news".')  # noqa: TRY004
    found = tuple(map(_source, value))
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is the name of two sources.")
    if len(found) > _MOST_SOURCES:
        raise ValueError(f"an instance has at most {_MOST_SOURCES} sources.")
    return found


def _source(value: object) -> SourcePart:
    if isinstance(value, SourcePart):
        return value
    try:
        part = SourcePart.model_validate(value)
    except ValidationError as error:
        raise ValueError(_first(error)) from None
    _consistent(part)
    return part


def _first(error: ValidationError) -> str:
    mistake = error.errors(include_url=False)[0]
    key = ".".join(map(str, mistake["loc"])) or "a source"
    if mistake["type"] == "missing":
        return f"a source needs its {key}."
    if mistake["type"] == "extra_forbidden":
        return f"a source has no key {key}."
    told = str(mistake["msg"]).removeprefix("Value error, ")
    return f"{key}: {told[:1].lower()}{told[1:].rstrip('.')}."


def _consistent(part: SourcePart) -> None:
    """Refuse what the keys of a source do not say together; ValueError."""
    name = part.name
    if part.kind == "file" and not part.file:
        raise ValueError(f"{name} reads a file; name it with `file`.")
    if part.kind != "file" and part.url is None:
        raise ValueError(f"{name} is asked over HTTP; name its address with `url`.")
    if part.kind == "feed" and not (part.bullish or part.bearish):
        raise ValueError(f"{name} has no words to judge headlines by; list some in `bullish` and `bearish`.")
    if part.every < SECOND or part.timeout > MINUTE:
        raise ValueError(f"{name} is asked every second at most, and has a minute at most to answer.")
    if part.expires_after > _LONGEST_LIFE:
        raise ValueError(f"items of {name} can count for 30 days at most.")
    if part.max_bytes > _MOST_BYTES:
        raise ValueError(f"an answer to {name} can have {_MOST_BYTES} bytes at most.")
    plain = part.url is not None and not part.url.startswith("https:") and urlsplit(part.url).hostname not in _LOCAL
    if part.key_header and plain:
        raise ValueError(f"the key of {name} would go over plain HTTP; write https.")


class IntelligenceSection(Section):
    """`[intelligence]`: whom to ask, and with which outlook (-1..1) nothing is entered; unset = no veto."""

    veto_below: Annotated[Decimal | None, PlainValidator(_bias)] = None
    veto_above: Annotated[Decimal | None, PlainValidator(_bias)] = None
    sources: Annotated[
        tuple[SourcePart, ...],
        PlainValidator(_sources),
        PlainSerializer(lambda sources: [each.data() for each in sources]),
    ] = ()
