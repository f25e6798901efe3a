"""Every version of an instance's configuration: numbered, hashed, signed with who and why, and the way back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from investbot.config.files import create_private, write_private
from investbot.config.instance import (
    INSTANCE_FILE,
    InstanceConfig,
    dumps,
    load_instance,
    loads,
    with_recipe,
    with_version,
)
from investbot.config.profile import Profile
from investbot.config.writer import value
from investbot.domain.errors import ConfigError, TryAgain
from investbot.domain.market import Millis
from investbot.domain.times import parse_rfc3339, rfc3339

FOLDER = "versions"
_HEAD = re.compile(r"# InvestBot, version (\d+)\n# at (\S+)\n# by (.*)\n# why (.*)\n# sha256 ([0-9a-f]{64})\n")
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


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs: its values as TOML, None where there is none."""

    key: str
    before: str | None
    after: str | None


def save(folder: Path, config: InstanceConfig, at: Millis, by: str, why: str) -> InstanceConfig:
    """Store the next version, then make it the one in force; `at` in milliseconds UTC.

    TryAgain when another process was quicker; OSError when the disk refuses: then the old version stays in force.
    """
    if (folder / INSTANCE_FILE).exists() and current(folder).version != config.version:
        raise _overtaken(config.name)
    versions = folder / FOLDER
    versions.mkdir(mode=0o700, exist_ok=True)
    number = max(_numbers(versions), default=0) + 1
    stamped = with_version(config, number)
    body = dumps(stamped)
    head = f"# InvestBot, version {number}\n# at {rfc3339(at)}\n# by {_line(by)}\n# why {_line(why)}\n"
    text = f"{head}# sha256 {_digest(body)}\n{body}"
    try:
        create_private(_file(versions, number), text)
    except FileExistsError:
        raise _overtaken(config.name) from None
    write_private(folder / INSTANCE_FILE, text)
    return stamped


def current(folder: Path) -> InstanceConfig:
    """Read the version in force; where its file was spoilt, the newest stored one; ConfigError when there is none."""
    try:
        return load_instance(folder)
    except ConfigError:
        whole = [version.number for version in history(folder) if version.intact]
        if not whole:
            raise
        return load_version(folder, whole[-1])


def history(folder: Path) -> list[Version]:
    """List the stored versions, oldest first."""
    versions = folder / FOLDER
    return [_read(versions, number)[0] for number in sorted(_numbers(versions))]


def load_version(folder: Path, number: int) -> InstanceConfig:
    """Read a stored version; ConfigError when there is none or it is not what was written."""
    versions = folder / FOLDER
    if number not in _numbers(versions):
        raise ConfigError(f"There is no version {number}; `investbot config history NAME` lists those there are.")
    version, body = _read(versions, number)
    if not version.intact:
        raise ConfigError(
            f"Version {number} is not what was written; `investbot config history NAME` lists the others."
        )
    return loads(body, str(_file(versions, number)))


def rollback(folder: Path, number: int, at: Millis, by: str) -> InstanceConfig:
    """Make the recipe of an old version the next version; name and capital stay; ConfigError, TryAgain."""
    recipe = load_version(folder, number)
    return save(folder, with_recipe(current(folder), recipe), at, by, f"rollback to version {number}")


def diff(before: Profile, after: Profile) -> list[Change]:
    """List the keys in which two configurations differ."""
    old, new = dict(_flat(before.data())), dict(_flat(after.data()))
    return [Change(key, old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)]


def _flat(data: Mapping[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    for name, item in data.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{path}{name}.")
        else:
            yield f"{path}{name}", value(item)


def _numbers(versions: Path) -> list[int]:
    return [int(path.stem) for path in versions.glob("*.toml") if path.stem.isdecimal()]


def _file(versions: Path, number: int) -> Path:
    return versions / f"{number:04d}.toml"


def _read(versions: Path, number: int) -> tuple[Version, str]:
    text = _file(versions, number).read_text(encoding="utf-8", errors="replace")
    match = _HEAD.match(text)
    if match is None:
        return Version(number, 0, "", "", "", intact=False), text
    body = text[match.end() :]
    intact = int(match[1]) == number and _digest(body) == match[5]
    return Version(number, parse_rfc3339(match[2]), match[3], match[4], match[5], intact), body


def _digest(body: str) -> str:
    """Hash what was configured: two versions with the same keys have the same hash."""
    return hashlib.sha256(_NUMBER.sub("", body, count=1).encode()).hexdigest()


def _line(text: str) -> str:
    return " ".join(text.split())


def _overtaken(name: str) -> TryAgain:
    return TryAgain(f"Somebody else changed {name} meanwhile; see `investbot config history {name}` and try again.")
