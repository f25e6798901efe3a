"""Texts that somebody else may read: whatever is, or looks like, a secret is hidden.

Settings and logs hold no secret; should one have slipped in, it goes no further. What is known is hidden wherever it
stands, and so is whatever looks like a key, a token, an address that is one, or stands beside the name of one. Rather
too much is hidden than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

HIDDEN = "[hidden]"
_SHORTEST = 4
"""A known secret of fewer characters is hidden only as a whole word."""

_NAMES = (
    r"api[-_ ]?key|access[-_]?key|secret|passw(?:or)?d|passphrase|private[-_]?key|key[-_]?pair|token|signature|"
    r"authorization|webhook|credential|cookie"
)
_NAMED = rf"(?<![\w-])[\w-]{{0,80}}(?:{_NAMES})[\w-]{{0,80}}"
_VALUE = r"""(?:b?"[^"\n]*"|b?'[^'\n]*'|\[[^\]\n]*\]|(?!\[hidden\])[^\s,}\])]+)"""
_RULES = (
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL),
    re.compile(r"(?i)()AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9]+)-1[0-9A-Z]+"),
    # a list of bytes, such as a key pair is kept as
    re.compile(r"()(?:\b\d{1,3}\s*,\s*){15,}\d{1,3}\b"),
    re.compile(rf"(?i)({_NAMED}[\"']?\s*[=:]\s*)(?:bearer\s+|basic\s+)?{_VALUE}"),
    # a pair as a header is one: what follows is a value, and no key of its own
    re.compile(rf"""(?i)({_NAMED}[\"']\s*,\s*)(?:b?"[^"\n]*"|b?'[^'\n]*')(?!\s*:)"""),
    re.compile(rf"(?i)((?<!\S)[\"']?--[\w-]{{0,80}}(?:{_NAMES})[\w-]{{0,80}}[\"']?[\s,]+){_VALUE}"),
    re.compile(r"(?i)((?:mnemonic|seed|recovery)[\w -]{0,40}[\"']?\s*[=:]\s*)[^\n]+"),
    re.compile(r"(?i)(cookie[\"']?\s*[=:]\s*)[^\n\"']+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[\w.~+/-]{8,}=*"),
    # words of a recovery key
    re.compile(r"()\b(?:[a-z]{3,8}[ ,]{1,2}){11,}[a-z]{3,8}\b"),
    re.compile(r"()\beyJ[\w-]+\.[\w-]+\.[\w-]*"),
    re.compile(r"(?i)()(?<![0-9a-z])(?:0x)?[0-9a-f]{32,}(?![0-9a-z])"),
    re.compile(r"(?i)()(?<![0-9a-z-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z-])"),
    re.compile(r"(?<![\w+/=-])()(?=[\w+/-]*[0-9])(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])[A-Za-z0-9+/]{60,}={0,2}"),
    re.compile(r"(?<![\w+=-])()(?=[\w+-]*[0-9])(?=[\w+-]*[a-z])(?=[\w+-]*[A-Z])[\w+-]{40,}={0,2}"),
)
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,15}://[^\s\"'<>\\]+")
_TOKEN = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.:~-]{16,}|bot\d+:.+")
_HOOKS = re.compile(r"(/(?:webhooks|services)/)\S+")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Hide the given texts and whatever looks like a secret."""
    for secret in sorted({each.strip() for each in secrets}, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
        elif secret:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    text = _ADDRESS.sub(_address, text)
    for rule in _RULES:
        text = rule.sub(_hidden, text)
    return text


def _hidden(match: re.Match[str]) -> str:
    """Hide what stands behind the first group, and leave quotes where they are."""
    last = match[0][-1:]
    quote = last if last in {'"', "'"} and len(match[0]) > len(match[1]) + 1 else ""
    return f"{match[1]}{quote}{HIDDEN}{quote}"


def _address(match: re.Match[str]) -> str:
    """Keep where an address leads, and nothing that may open a door there: password, query, tokens in the path."""
    whole = match[0]
    try:
        parts = urlsplit(whole)
    except ValueError:
        return HIDDEN
    user, at, host = parts.netloc.rpartition("@")
    path = "/".join(HIDDEN if _TOKEN.fullmatch(part) else part for part in parts.path.split("/"))
    path = _HOOKS.sub(rf"\1{HIDDEN}", path)
    rest = "".join(f"{mark}{HIDDEN}" for mark, told in (("?", parts.query), ("#", parts.fragment)) if told)
    name = user.partition(":")[0]
    return f"{parts.scheme}://{f'{name}:{HIDDEN}@' if at else ''}{host}{path}{rest}"
