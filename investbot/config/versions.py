"""Every version of an instance's configuration: numbered, hashed, signed with who and why, and the way back.

A change holds a lock from reading what is in force to putting the next version there, so that two at once follow one
another. First the version is stored, then it comes into force: a kill in between leaves the old one in force and the
new one in the history.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from investbot.config import version_files
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
from investbot.config.version_files import FOLDER, Version, file_of, numbers, read_version
from investbot.config.writer import toml, value
from investbot.domain.errors import ConfigError, TryAgain
from investbot.domain.market import Millis

__all__ = ["FOLDER", "Change", "Version", "change", "diff", "history", "load_version", "rollback", "save"]

Edit = Callable[[InstanceConfig], InstanceConfig]
SPOILT = f"{INSTANCE_FILE}.spoilt"
"""Where a file goes that could not be read, when an earlier version takes its place."""
_OWN = ("instance.version",)
"""Keys that differ between any two versions."""


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs: its values as TOML, None where there is none."""

    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Say it as `key: before -> after`."""
        return f"{self.key}: {_shown(self.before)} -> {_shown(self.after)}"


def save(folder: Path, config: InstanceConfig, at: Millis, by: str, why: str) -> InstanceConfig:
    """Store the next version, then make it the one in force; `at` in milliseconds UTC.

    TryAgain when another process was quicker; OSError when the disk refuses: then the old version stays in force.
    """
    with version_files.held(folder) as versions:
        if (folder / INSTANCE_FILE).exists() and current(folder).version != config.version:
            raise TryAgain(
                f"Somebody else changed {config.name} meanwhile; see `investbot config history {config.name}` and try "
                "again."
            )
        return _put(folder, versions, config, at, by, why)


def change(folder: Path, edit: Edit, at: Millis, by: str, why: str) -> InstanceConfig:
    """Make the next version out of the one in force, whatever others change meanwhile; `at` in milliseconds UTC.

    What was edited by hand becomes a version of its own first. ConfigError when what is in force cannot be read, and
    whatever `edit` raises; OSError when the disk refuses.
    """
    with version_files.held(folder) as versions:
        config = _recorded(folder, versions, at)
        return _put(folder, versions, edit(config), at, by, why)


def record_edits(folder: Path, at: Millis) -> InstanceConfig:
    """Read what is in force, made a version first where it was edited by hand; ConfigError, OSError."""
    config = load_instance(folder)
    if version_files.is_as_written((folder / INSTANCE_FILE).read_text(encoding="utf-8-sig")):
        return config
    with version_files.held(folder) as versions:
        return _recorded(folder, versions, at)


def rollback(
    folder: Path, number: int, at: Millis, by: str, check: Callable[[InstanceConfig], None] = lambda _: None
) -> InstanceConfig:
    """Make the recipe of an old version the next version; name and capital stay.

    `check` may refuse it. A file in force that cannot be read is put aside. ConfigError, TryAgain, OSError.
    """
    with version_files.held(folder) as versions:
        recipe = load_version(folder, number)
        try:
            base = _recorded(folder, versions, at)
        except ConfigError:
            base = current(folder)
            with suppress(FileNotFoundError):
                (folder / INSTANCE_FILE).replace(folder / SPOILT)
        wanted = with_recipe(base, recipe)
        check(wanted)
        return _put(folder, versions, wanted, at, by, f"rollback to version {number}")


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
    return [read_version(versions, number)[0] for number in numbers(versions)]


def load_version(folder: Path, number: int) -> InstanceConfig:
    """Read a stored version; ConfigError when there is none or it is not what was written."""
    return loads(_intact(folder, number), str(file_of(folder / FOLDER, number)))


def changes(folder: Path, before: int, after: int) -> list[Change]:
    """List the keys in which two stored versions differ, also keys that this program does not know; ConfigError."""
    old, new = (dict(_flat(_plain(_intact(folder, number)))) for number in (before, after))
    return [each for each in _differences(old, new) if each.key not in _OWN]


def recipe_digest(profile: Profile) -> str:
    """Hash the recipe, whoever's it is: an instance and a backtest with the same settings have the same."""
    return _recipe_digest(toml(profile.data()))


def stored_recipe_digest(folder: Path, number: int) -> str:
    """Hash the recipe of a stored version; ConfigError when there is none or it is not what was written."""
    return _recipe_digest(_intact(folder, number))


def diff(before: Profile, after: Profile) -> list[Change]:
    """List the keys in which two configurations differ."""
    return _differences(dict(_flat(before.data())), dict(_flat(after.data())))


def _recipe_digest(body: str) -> str:
    lines = (f"{key} = {text}" for key, text in sorted(_flat(_plain(body))) if not key.startswith("instance."))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _put(folder: Path, versions: Path, config: InstanceConfig, at: Millis, by: str, why: str) -> InstanceConfig:
    number = max(numbers(versions), default=0) + 1
    stamped = with_version(config, number)
    text = version_files.text_of(dumps(stamped), number, at, by, why)
    create_private(file_of(versions, number), text)
    write_private(folder / INSTANCE_FILE, text)
    return stamped


def _recorded(folder: Path, versions: Path, at: Millis) -> InstanceConfig:
    config = load_instance(folder)
    text = (folder / INSTANCE_FILE).read_text(encoding="utf-8-sig")
    if version_files.is_as_written(text):
        return config
    return _put(folder, versions, config, at, "hand", f"{INSTANCE_FILE} was edited by hand")


def _intact(folder: Path, number: int) -> str:
    versions = folder / FOLDER
    if number not in numbers(versions):
        raise ConfigError(f"There is no version {number}; `investbot config history NAME` lists those there are.")
    version, body = read_version(versions, number)
    if not version.intact:
        raise ConfigError(
            f"Version {number} is not what was written; `investbot config history NAME` lists the others."
        )
    return body


def _plain(body: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(body, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"A stored version is not TOML: {error}.") from None


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    return [Change(key, old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)]


def _flat(data: Mapping[str, object], path: str = "") -> Iterator[tuple[str, str]]:
    for name, item in data.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{path}{name}.")
        else:
            yield f"{path}{name}", value(item)


def _shown(text: str | None) -> str:
    return "unset" if text is None else text
