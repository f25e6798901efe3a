"""What must never be told: the keys of an account, in messages, representations and tracebacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

from investbot.domain.errors import ConfigError

FIELDS = ("apiKey", "secret", "password", "uid", "privateKey", "walletAddress", "token", "twofa")
"""The names ccxt gives to what authenticates an account."""
_LONGEST = 200
_QUERY = re.compile(r"\?\S+")
_SIGNED = re.compile(
    r"(?i)\b(signature|sign|listenkey|token|passphrase|api[-_]?key|access[-_]?key)(\W{1,4})[\w%+/=.-]+"
)


class Keys:
    """The keys of one account, held in memory only; shows the names of its fields and nothing else."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        unknown = sorted(set(values) - set(FIELDS))
        if unknown:
            raise ConfigError(f"A key cannot have a field {unknown[0]}; ccxt knows {', '.join(FIELDS)}.")
        self._values = {name: value for name, value in values.items() if value}

    def __repr__(self) -> str:
        return f"Keys({', '.join(self._values)})"

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def values(self) -> dict[str, str]:
        """The secrets themselves, for the exchange class and for nobody else."""
        return dict(self._values)

    def clean(self, text: str) -> str:
        """Take every secret, signature and query out of a text, and make one short line of it."""
        for value in sorted(self._values.values(), key=len, reverse=True):
            for form in {value, quote(value, safe=""), quote_plus(value), value.replace("\n", "\\n")}:
                text = text.replace(form, "…")
        text = _SIGNED.sub(r"\1\2…", _QUERY.sub("?…", text))
        line = " ".join(text.split())
        return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
