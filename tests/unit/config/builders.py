"""Plain functions that make configuration files and values."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.config.instance import InstanceConfig, new_instance
from investbot.config.loading import load_profile
from investbot.config.profile import Profile
from investbot.domain.errors import ConfigError

NOON = 1_767_355_200_000


def profile(**sections: Any) -> Profile:
    """Make a profile from plain values."""
    return Profile.model_validate(sections)


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file and give its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def complaints(text: str, folder: Path, search: Sequence[Path] = (), **environ: str) -> list[str]:
    """Load a profile that is wrong and give every mistake, without its folder."""
    path = write(folder, "p.toml", text)
    try:
        load_profile(path, search, environ)
    except ConfigError as error:
        return str(error).replace(f"{folder}/", "").splitlines()
    return []


def instance(name: str = "alpha", capital: str = "500", **sections: Any) -> InstanceConfig:
    """Make an instance's configuration from plain values."""
    return new_instance(name, profile(**sections), "conservative", Decimal(capital), NOON)
