"""The address of a Discord webhook: a secret, for whoever has it can write there."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from investbot.domain.errors import DataError

BASE = "https://discord.com"
_HOSTS = frozenset({"discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PATH = re.compile(r"/api(/v\d+)?/webhooks/\d+/[A-Za-z0-9_-]+/?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where messages go; `mark` tells one address from another without giving it away."""

    url: str = field(repr=False)
    host: str
    mark: str


def read_address(text: str, base: str = BASE) -> Address:
    """Read a webhook's address; DataError, which never repeats it, for one that is none.

    Discord's own hosts are taken over https, and a stand-in on this machine. With another `base` than Discord's, the
    same path is asked for there instead.
    """
    given = text.strip()
    try:
        parts = urlsplit(given)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise DataError(_WRONG) from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise DataError(_WRONG)
    if host in _LOOPBACK:
        good = parts.scheme in {"http", "https"} and len(parts.path) > 1
    else:
        good = parts.scheme == "https" and host in _HOSTS and port in {None, 443}
        good = good and _PATH.fullmatch(parts.path) is not None
    if not good:
        raise DataError(_WRONG)
    url = f"{base.rstrip('/')}{parts.path}" if base != BASE else given
    return Address(url.rstrip("/"), urlsplit(url).hostname or "", hashlib.sha256(url.encode()).hexdigest()[:12])


_WRONG = (
    "That is no address of a Discord webhook; it looks like https://discord.com/api/webhooks/ID/TOKEN "
    "(Discord: channel settings, Integrations, Webhooks)."
)
