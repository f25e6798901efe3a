"""The program runs on what it was made for."""

from __future__ import annotations

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level

NAME = "versions"
PYTHON = (3, 11)
SQLCIPHER = 4


def check(host: Host) -> list[Issue]:
    """Look at Python and at the library that encrypts ledgers."""
    python = ".".join(str(part) for part in host.python)
    found: list[Issue] = []
    if host.python < PYTHON:
        why = "InvestBot is written for 3.11 and newer"
        found.append(Issue(NAME, Level.ERROR, f"this is Python {python}", why, "scripts/setup"))
    major = host.sqlcipher.partition(".")[0]
    if not major.isdecimal() or int(major) < SQLCIPHER:
        what = f"SQLCipher is {host.sqlcipher or 'missing'}"
        why = f"ledgers are encrypted by SQLCipher {SQLCIPHER} and newer"
        found.append(Issue(NAME, Level.ERROR, what, why, "scripts/setup"))
    return found or [Issue(NAME, Level.OK, f"Python {python}, SQLCipher {host.sqlcipher}")]
