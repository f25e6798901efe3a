from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from investbot.config.fleet import FleetConfig
from investbot.config.instance import InstanceConfig, InstancePart
from investbot.config.profile import Profile
from investbot.config.tables import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| `")]


def keys(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, (*path, name))
        else:
            yield ".".join((*path, name))


def told(prefixes: set[str]) -> dict[str, str]:
    """Give the keys of the page whose first part is one of these -> what stands beside them."""
    found = {row[0].strip("`"): row[1].strip("`") for row in ROWS}
    return {key: default for key, default in found.items() if key.partition(".")[0] in prefixes}


def test_every_key_of_a_profile_is_told_once_and_no_other() -> None:
    sections = set(Profile.model_fields) | {"extends"}
    assert set(told(sections)) == set(keys(Profile)) | {"extends"}
    names = [row[0] for row in ROWS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("key", list(keys(Profile)))
def test_the_default_told_is_the_default(key: str) -> None:
    table: Any = Profile.model_validate({}).data()
    for part in key.split("."):
        table = table.get(part)
    default = told(set(Profile.model_fields))[key]
    if default == "unset":
        assert table is None
    else:
        written: Any = tomllib.loads(f"x = {default}")["x"]
        for part in reversed(key.split(".")):
            written = {part: written}
        again: Any = Profile.model_validate(written).data()
        for part in key.split("."):
            again = again[part]
        assert again == table


def test_every_key_of_an_instance_and_of_the_fleet_is_told() -> None:
    assert set(told({"instance"})) == {f"instance.{name}" for name in InstancePart.model_fields}
    assert set(InstanceConfig.model_fields) == set(Profile.model_fields) | {"instance"}
    assert set(told(set(FleetConfig.model_fields))) == set(keys(FleetConfig))


def test_every_kind_of_news_is_told() -> None:
    assert ", ".join(KINDS) in TEXT


def test_each_of_the_nine_subjects_has_its_home() -> None:
    subjects = {"database", "Discord", "exchange", "trading", "signals", "cache", "logging", "websocket", "backtest"}
    homes = TEXT.partition("## Where to look for")[2]
    assert subjects == {match[1] for match in re.finditer(r"^\| (\w+) \|", homes, re.MULTILINE)} - {"Subject"}
    sections = set(re.findall(r"`\[([a-z]+)", homes))
    assert sections <= set(Profile.model_fields)
