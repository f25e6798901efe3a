"""`[news]` of investbot.toml: which news of the whole fleet goes out, and where Discord is."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainValidator

from investbot.config.fields import Flag
from investbot.config.sections import NotifySection

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _base(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/?", value):
        parts = urlsplit(value)
        if parts.scheme == "https" or parts.hostname in _LOOPBACK:
            return value.rstrip("/")
    raise ValueError(f"{value!r} is not where Discord can be; write https://host, or http://127.0.0.1:port.")


class NewsPart(NotifySection):
    """`[news]`: kinds as in `[notify]` of a profile; `discord_base` is where the webhooks of Discord are asked for.

    With `status` one message is kept up to date with how the fleet is.
    """

    discord_base: Annotated[str, PlainValidator(_base)] = "https://discord.com"
    status: Flag = False
