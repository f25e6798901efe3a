"""The files of versions: a head that says who, when and why, a hash of the content, a seal over both, and a lock."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from investbot.domain.errors import UsageError
from investbot.domain.market import Millis
from investbot.domain.times import parse_rfc3339, rfc3339

FOLDER = "versions"
_HEAD = re.compile(
    r"(# InvestBot, version (\d+)\n# at (\S+)\n# by (.*)\n# why (.*)\n# sha256 ([0-9a-f]{64})\n)"
    r"(?:# seal ([0-9a-f]{64})\n)?"
)
_NUMBER = re.compile(r"^version = \d+\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Version:
    """One stored version: `number` from 1, `at` in milliseconds UTC, who made it and why, the hash of its content.

    `intact` is False when the file is not what was written.
    """

    number: int
    at: Millis
    by: str
    why: str
    digest: str
    intact: bool


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Keep everybody else from changing an instance's configuration; the kernel lets go of a process that is killed.

    Gives the folder of the versions, and clears away what a killed writer had begun; OSError.
    """
    versions = folder / FOLDER
    versions.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(versions, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for begun in (*versions.glob(".*.toml.*"), *folder.glob(".*.toml.*")):
            begun.unlink(missing_ok=True)
        yield versions
    finally:
        os.close(handle)


def numbers(versions: Path) -> list[int]:
    """Number the stored versions, in order."""
    return sorted(int(path.stem) for path in versions.glob("*.toml") if path.stem.isdecimal())


def file_of(versions: Path, number: int) -> Path:
    """Name the file of a version."""
    return versions / f"{number:04d}.toml"


def text_of(body: str, number: int, at: Millis, by: str, why: str) -> str:
    """Put a head before the TOML of a version; `at` in milliseconds UTC."""
    head = (
        f"# InvestBot, version {number}\n# at {rfc3339(at)}\n# by {_line(by)}\n# why {_line(why)}\n"
        f"# sha256 {content_digest(body)}\n"
    )
    return f"{head}# seal {_seal(head, body)}\n{body}"


def read_version(versions: Path, number: int) -> tuple[Version, str]:
    """Read a stored version and its TOML, whatever became of the file."""
    try:
        text = file_of(versions, number).read_text(encoding="utf-8", errors="replace")
        match = _HEAD.match(text)
        at = parse_rfc3339(match[3]) if match else 0
    except (OSError, UsageError):
        return Version(number, 0, "", "", "", intact=False), ""
    if match is None:
        return Version(number, 0, "", "", "", intact=False), text
    body = text[match.end() :]
    whole = match[7] is None or match[7] == _seal(match[1], body)  # without a seal: of a program before this one
    intact = whole and int(match[2]) == number and content_digest(body) == match[6]
    return Version(number, at, match[4], match[5], match[6], intact), body


def is_as_written(text: str) -> bool:
    """Tell whether a file with a head still holds what it was written with."""
    match = _HEAD.match(text)
    return match is not None and content_digest(text[match.end() :]) == match[6]


def content_digest(body: str) -> str:
    """Hash what was configured: two versions with the same keys have the same hash."""
    return hashlib.sha256(_NUMBER.sub("", body, count=1).encode()).hexdigest()


def _seal(head: str, body: str) -> str:
    return hashlib.sha256(f"{head}{body}".encode()).hexdigest()


def _line(text: str) -> str:
    return " ".join(text.split())
