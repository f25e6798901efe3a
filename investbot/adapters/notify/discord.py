"""Discord through a webhook: one message at a time, and every answer understood.

The library's `execute` is left alone: it sleeps through rate limits, fails on answers that are not JSON (Cloudflare's
429 is HTML) and logs whole bodies. Only its request is used; what comes back is judged here.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from investbot.adapters.notify import embeds
from investbot.adapters.notify.address import Address
from investbot.ports.notifier import Delivery, Fate, Notice

TIMEOUT_S = 10.0
LONGEST_PAUSE_S = 3600.0
_USUAL_PAUSE_S = 60.0
"""How long to wait when a 429 does not say."""
_GONE = {401: "does not accept the address", 403: "does not let this address write", 404: "knows no such webhook"}
_MORE_THAN_ANY_ANSWER = 65_536
_NO_SUCH_MESSAGE = 10008
"""discord.com/developers/docs/topics/opcodes-and-status-codes: Unknown message."""


class DiscordWebhook:
    """`ports.Notifier` on one webhook; `timeout_s` seconds bound connecting and each wait for bytes."""

    def __init__(self, address: Address, *, timeout_s: float = TIMEOUT_S) -> None:
        """Write to `address`; nothing is sent before `deliver`."""
        self._address = address
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        """Show which address it is and never the address."""
        return f"<DiscordWebhook {self._address.host} {self._address.mark}>"

    def fitting(self, notices: Sequence[Notice]) -> int:
        """Say how many of these go into one message."""
        return embeds.fitting(notices)

    def deliver(self, notices: Sequence[Notice]) -> Delivery:
        """Send the notices as one message of embeds, one a notice, and wait until Discord says that it is there."""
        return self._said(notices, "")[0]

    def show(self, notice: Notice, message: str) -> tuple[Delivery, str]:
        """Let one message say this: the one with that id, or a new one; give its id, empty where it is gone."""
        delivery, body = self._said([notice], message)
        told = json.loads(body) if _is_object(body) else {}
        if message and told.get("code") == _NO_SUCH_MESSAGE:
            return Delivery(Fate.LATER, 0.0, "The message was deleted."), ""
        return delivery, message or (str(told.get("id", "")) if delivery.fate is Fate.SENT else "")

    def _said(self, notices: Sequence[Notice], message: str) -> tuple[Delivery, bytes]:
        """Write a message, or write over the one with that id; say what became of it, and what Discord answered."""
        from discord_webhook import DiscordWebhook as Webhook

        logging.getLogger("discord_webhook").setLevel(logging.CRITICAL)
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings and debug lines hold the address
        drawn = [embeds.embed(notice) for notice in notices]
        # the library would write its usual `wait=True` as "True", which is not what Discord documents
        webhook = Webhook(self._address.url, timeout=self._timeout_s, wait="true", embeds=drawn)
        webhook.allowed_mentions = {"parse": []}
        webhook.id = message or None
        try:
            answer = webhook.edit() if message else webhook.api_post_request()
        except OSError as error:  # all errors of requests are OSErrors; their texts hold the address
            return Delivery(Fate.LATER, None, f"Discord cannot be reached ({type(error).__name__})."), b""
        except ValueError as error:
            return Delivery(Fate.LATER, None, f"Discord gave an answer that is none ({type(error).__name__})."), b""
        if answer.history:
            return Delivery(Fate.LATER, None, "Discord's address leads elsewhere (a redirect); nothing was taken."), b""
        body: bytes = answer.content[:_MORE_THAN_ANY_ANSWER]
        return judge(answer.status_code, answer.headers, body), body


def judge(status: int, headers: Mapping[str, str], body: bytes) -> Delivery:
    """Say what an answer means: status code, headers (any case), body."""
    if 200 <= status < 300 and not body.lstrip().startswith(b"<"):  # a page instead: some portal stands between
        return Delivery(Fate.SENT, _until_reset(headers))
    if status == 429:
        return Delivery(Fate.LATER, _retry_after(headers, body), "Discord asks for patience (429).")
    if status in _GONE:
        return Delivery(Fate.REFUSED, None, f"Discord {_GONE[status]} ({status}).")
    if status in {400, 413}:
        return Delivery(Fate.UNFIT, _until_reset(headers), f"Discord does not take this message ({status}).")
    return Delivery(Fate.LATER, None, f"Discord answered {status} instead of taking the message.")


def _until_reset(headers: Mapping[str, str]) -> float:
    """Seconds to wait because nothing is left of the allowance; 0 when something is, or nothing is said."""
    if headers.get("X-RateLimit-Remaining") != "0":
        return 0.0
    return _seconds(headers.get("X-RateLimit-Reset-After")) or 0.0


def _retry_after(headers: Mapping[str, str], body: bytes) -> float:
    """Seconds that a 429 asks for: the longest it names; a minute when it names none."""
    said = [_seconds(headers.get("Retry-After")), _seconds(headers.get("X-RateLimit-Reset-After"))]
    if _is_object(body):
        said.append(_seconds(json.loads(body).get("retry_after")))
    return max((each for each in said if each is not None), default=_USUAL_PAUSE_S)


def _seconds(said: Any) -> float | None:
    try:
        value = float(said)
    except (TypeError, ValueError):
        return None
    return min(value, LONGEST_PAUSE_S) if math.isfinite(value) and value >= 0 else None


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
