"""Notices as Discord embeds, within every limit that Discord sets and with nothing that could mention anybody.

Limits: discord.com/developers/docs/resources/message#embed-object-embed-limits. Lengths are counted in UTF-16 units,
which is never less than what Discord counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from investbot.domain.times import rfc3339
from investbot.ports.notifier import Notice, Tone, Weight

MAX_TITLE = 256
MAX_TEXT = 4096
MAX_FIELDS = 25
MAX_FIELD_NAME = 256
MAX_FIELD_VALUE = 1024
MAX_FOOTER = 2048
MAX_EMBEDS = 10
MAX_MESSAGE = 6000
"""What all embeds of one message may hold together."""
_ROOM = 5000
"""What one embed is cut down to, so that title, fields and footer of any one notice fit beside its text."""

_COLOURS = {
    Tone.LONG: 0x2E_CC_71,
    Tone.SHORT: 0xE7_4C_3C,
    Tone.GAIN: 0x27_AE_60,
    Tone.LOSS: 0xC0_39_2B,
    Tone.GOOD: 0x34_98_DB,
    Tone.PLAIN: 0x95_A5_A6,
    Tone.WARNING: 0xF3_9C_12,
    Tone.ALARM: 0xFF_00_33,
}
_WEBHOOK = re.compile(r"https?://\S*/webhooks/\S*", re.IGNORECASE)
_BEHIND = "\N{ZERO WIDTH SPACE}"
_MARKS = re.compile(r"([\\*_~|`>\[\]#])")


def embed(notice: Notice) -> dict[str, Any]:
    """Draw one notice; what is too long is cut, and says so."""
    title = clean(notice.title)
    if notice.count > 1:
        title = f"{notice.count} × {title}"
    if notice.weight is Weight.ALARM:
        title = f"⚠ {title}"
    made: dict[str, Any] = {
        "title": cut(title, MAX_TITLE),
        "color": _COLOURS[notice.tone],
        "timestamp": rfc3339(notice.at),
        "footer": {"text": cut(harmless(_from(notice)), MAX_FOOTER // 8)},
    }
    fields = [
        {"name": cut(clean(name) or "–", MAX_FIELD_NAME), "value": cut(clean(value) or "–", MAX_FIELD_VALUE)}
        for name, value in notice.fields
    ]
    kept = _within(fields, _ROOM - size(made))
    if kept:
        made["fields"] = [{**field, "inline": len(field["value"]) <= 40} for field in kept]
    text = clean(notice.text)
    if len(kept) < len(fields):
        text = f"{text}\n({len(fields) - len(kept)} more lines do not fit here)".strip()
    if text:
        made["description"] = cut(text, min(MAX_TEXT, MAX_MESSAGE - size(made)))
    return made


def fitting(notices: Sequence[Notice]) -> int:
    """Say how many notices, from the first on, go into one message; at least one."""
    count = total = 0
    for notice in notices[:MAX_EMBEDS]:
        total += size(embed(notice))
        if count and total > MAX_MESSAGE:
            break
        count += 1
    return count


def size(made: dict[str, Any]) -> int:
    """Count what Discord counts of an embed: title, description, footer, names and values of the fields."""
    inner = [made.get("title", ""), made.get("description", ""), made["footer"]["text"]]
    inner += [text for field in made.get("fields", ()) for text in (field["name"], field["value"])]
    return sum(_units(text) for text in inner)


def clean(text: str) -> str:
    """Make a text mean only what it says: harmless, and nothing in it is formatting."""
    return harmless(_MARKS.sub(r"\\\1", text))


def harmless(text: str) -> str:
    """Take the teeth out of a text: no mention, no link, no control character, no webhook address."""
    text = _WEBHOOK.sub("[address]", text)
    text = "".join(each if each in "\n\t" or each.isprintable() else " " for each in text)
    return text.replace("@", "@" + _BEHIND).replace("<", "<" + _BEHIND).replace("://", ":" + _BEHIND + "//")


def cut(text: str, most: int) -> str:
    """Shorten a text to `most` UTF-16 units; a shortened one ends in "… (N more)"."""
    if _units(text) <= most:
        return text
    kept = len(text)
    while kept > 0:
        ending = f"… ({len(text) - kept} more)"
        over = _units(text[:kept]) + len(ending) - most
        if over <= 0:
            return text[:kept].rstrip("\\") + ending
        kept -= max(1, over // 2)
    return text[:0]


def _units(text: str) -> int:
    return len(text) + sum(each > "\uffff" for each in text)


def _from(notice: Notice) -> str:
    whose = f"{notice.name} · {notice.mode.upper() if notice.mode == 'live' else notice.mode}".strip(" ·")
    return f"{whose} · InvestBot" if whose else "InvestBot"


def _within(fields: Iterable[dict[str, str]], room: int) -> list[dict[str, str]]:
    kept: list[dict[str, str]] = []
    for field in fields:
        room -= _units(field["name"]) + _units(field["value"])
        if room < 0 or len(kept) == MAX_FIELDS:
            break
        kept.append(field)
    return kept
