"""Groups of instances: given at creation or later, named by `@TAG` wherever several names are taken."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from investbot.bootstrap.home import Home
from investbot.cli.choices import complete_names
from investbot.cli.fleet import chosen, tags_of
from investbot.domain.errors import UnknownInstance
from tests.unit.cli.conftest import Cli


@pytest.fixture
def tagged(cli: Cli, folder: Path) -> Cli:
    made = cli("create", "gamma", "--profile", "test.toml", "--capital", "100", "--tag", "majors", "--tag", "slow")
    assert made.code == 0, made.err
    assert cli("config", "set", "alpha", "tags=majors,old").code == 0
    return cli


def test_a_group_is_named_by_its_tag(tagged: Cli, folder: Path) -> None:
    home = Home(folder / "home")
    assert [tags_of(home, name) for name in ("alpha", "beta", "gamma")] == [("majors", "old"), (), ("majors", "slow")]
    assert chosen(home, ["@majors"], every=False) == ["alpha", "gamma"]
    assert chosen(home, ["beta", "@slow", "gamma"], every=False) == ["beta", "gamma"]
    with pytest.raises(UnknownInstance, match="No instance has the tag 'none'"):
        chosen(home, ["@none"], every=False)
    rows = tagged("status", "@majors", "--json").json
    assert [(row["name"], row["tags"]) for row in rows] == [("alpha", ["majors", "old"]), ("gamma", ["majors", "slow"])]
    assert tagged("status", "@none").code == 66


def test_every_one_of_a_group_has_its_line(tagged: Cli, folder: Path) -> None:
    done = tagged("remove", "@slow", "@old", "--yes", "--json")
    assert [line["name"] for line in done.json] == ["gamma", "alpha"]
    assert Home(folder / "home").names() == ["beta"]


def test_tags_are_offered_to_the_shell(tagged: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVESTBOT_HOME", str(folder / "home"))
    context = cast("Any", SimpleNamespace(obj=None))
    assert complete_names(context, "@") == ["@majors", "@old", "@slow"]
    assert complete_names(context, "@s") == ["@slow"]
    assert complete_names(context, "ga") == ["gamma"]


def test_a_tag_that_is_none_is_refused(cli: Cli) -> None:
    refused = cli("create", "delta", "--profile", "test.toml", "--tag", "Not One")
    assert refused.code == 78
    assert "is no tag" in refused.err


def test_broken_settings_have_no_tags(tagged: Cli, folder: Path) -> None:
    home = Home(folder / "home")
    (home.instance("gamma").settings).write_text("tags = [", encoding="utf-8")
    assert tags_of(home, "gamma") == ()
    (home.instance("gamma").settings).write_text('tags = "majors"', encoding="utf-8")
    assert tags_of(home, "gamma") == ()
    assert tags_of(home, "nobody") == ()
