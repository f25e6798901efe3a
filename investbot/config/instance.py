"""The configuration of one instance: a profile resolved at creation, with a name and capital."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator

from investbot.config.fields import Count, Moment, Positive, Text
from investbot.config.layers import Layer, from_assignments, merge, pointed, read_file, read_text, with_absolute_files
from investbot.config.mistakes import Mistake, refusal, validate
from investbot.config.profile import DERIVED, Profile
from investbot.config.sections import Section
from investbot.config.writer import toml
from investbot.domain.errors import ConfigError, UsageError
from investbot.domain.market import Millis

INSTANCE_FILE = "instance.toml"


def _instance_name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", value):
        raise ValueError(f"{value!r} is not a name; use up to 32 of a-z, 0-9, - and _, a letter or digit first.")
    return value


class InstancePart(Section):
    """`[instance]`: what a profile does not say; `capital` in quote, `created_at` in milliseconds UTC."""

    name: Annotated[str, PlainValidator(_instance_name)]
    profile: Text
    capital: Positive
    created_at: Moment
    version: Count


class InstanceConfig(Profile):
    """A profile with every key resolved, and whose it is."""

    instance: InstancePart

    @property
    def name(self) -> str:
        """What the instance is called."""
        return self.instance.name

    @property
    def capital(self) -> Decimal:
        """The allocation in quote."""
        return self.instance.capital

    @property
    def version(self) -> int:
        """Which version of the configuration this is, from 1."""
        return self.instance.version

    def data(self) -> dict[str, Any]:
        """Give every key as TOML writes it, whose it is first."""
        whole = self.model_dump(exclude_none=True)
        return {"description": whole.pop("description"), "instance": whole.pop("instance"), **whole}


def new_instance(name: str, profile: Profile, profile_name: str, capital: Decimal, at: Millis) -> InstanceConfig:
    """Make the first version from a profile: `capital` in quote, `at` in milliseconds UTC; UsageError."""
    part = {"name": name, "profile": profile_name, "capital": capital, "created_at": at, "version": 1}
    return _with_part(profile, part)


def with_capital(config: InstanceConfig, amount: Decimal) -> InstanceConfig:
    """Change the allocation (quote); UsageError when it is not above 0."""
    return _with_part(config, {**config.instance.model_dump(), "capital": amount})


def with_version(config: InstanceConfig, version: int) -> InstanceConfig:
    """Give the same configuration another version number."""
    return _with_part(config, {**config.instance.model_dump(), "version": version})


def with_recipe(config: InstanceConfig, recipe: Profile) -> InstanceConfig:
    """Take every key of another recipe, and keep whose it is."""
    return _with_part(recipe, config.instance.model_dump())


def _with_part(profile: Profile, part: Mapping[str, Any]) -> InstanceConfig:
    config, faults = validate(InstanceConfig, {**profile.data(), "instance": part})
    if config is None:
        raise UsageError(" ".join(f"{fault.keys[0][-1]}: {fault.sentence}" for fault in faults))
    return config


def dumps(config: InstanceConfig) -> str:
    """Write as TOML; `loads` reads an equal configuration."""
    return toml(config.data())


def loads(text: str, source: str = INSTANCE_FILE, folder: Path | None = None) -> InstanceConfig:
    """Read TOML text; files are relative to `folder`; ConfigError with every mistake, one a line."""
    return _checked(*read_text(text, source), folder)


def load_instance(folder: Path) -> InstanceConfig:
    """Read the configuration in an instance's folder; ConfigError with every mistake, one a line."""
    return _checked(*read_file(folder / INSTANCE_FILE), folder)


def check_instance(folder: Path) -> list[Mistake]:
    """Give every mistake in the configuration of an instance's folder."""
    layer, mistakes = read_file(folder / INSTANCE_FILE)
    return mistakes if layer is None else _validated(layer, folder)[1]


def _checked(layer: Layer | None, mistakes: list[Mistake], folder: Path | None) -> InstanceConfig:
    config = None
    if layer is not None:
        config, mistakes = _validated(layer, folder)
    if config is None:
        raise refusal(mistakes)
    return config


def _validated(layer: Layer, folder: Path | None) -> tuple[InstanceConfig | None, list[Mistake]]:
    data = layer.data if folder is None else with_absolute_files(layer.data, folder)
    config, faults = validate(InstanceConfig, data)
    return config, pointed(faults, [layer])


def set_values(config: InstanceConfig, assignments: Iterable[str], folder: Path | None = None) -> InstanceConfig:
    """Apply `section.key=value` texts; files are relative to `folder` (else where the process stands).

    UsageError for a text that sets nothing, ConfigError with every mistake otherwise.
    """
    layer = from_assignments(assignments)
    if "instance" in layer.data or "capital" in layer.data:
        raise ConfigError("Name and capital are not set this way; `investbot capital NAME AMOUNT` changes the capital.")
    base = _without_derived(config)
    changed, faults = validate(InstanceConfig, merge(base, with_absolute_files(layer.data, folder or Path())))
    if changed is None:
        raise refusal(pointed(faults, [layer]))
    return changed


def _without_derived(config: InstanceConfig) -> dict[str, Any]:
    """Leave out keys that only followed others, so that they follow again."""
    data = config.data()
    free = {section: dict(table) if isinstance(table, Mapping) else table for section, table in data.items()}
    for section, key in DERIVED:
        free[section].pop(key, None)
    implied, _ = validate(InstanceConfig, free)
    if implied is None:
        return data
    for section, key in DERIVED:
        if getattr(getattr(implied, section), key) != getattr(getattr(config, section), key):
            free[section][key] = data[section][key]
    return free
