from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.config.instance import new_instance
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.doctor.checks import keys
from investbot.doctor.issue import Level
from tests.unit.doctor.builders import NOW, make_file, make_home, make_host, make_instance


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


def live(home: Path, name: str, mode: str = "live") -> Path:
    folder = home / "instances" / name
    folder.mkdir(mode=0o700)
    profile = Profile.model_validate({"venue": {"mode": mode}})
    save(folder, new_instance(name, profile, "p", Decimal(500), NOW), NOW, "me", "create")
    return folder


def told(home: Path) -> list[tuple[Level, str, str]]:
    return [(issue.level, issue.what, issue.fix) for issue in keys.check(make_host(home))]


def test_paper_and_sandbox_need_no_look(home: Path) -> None:
    make_instance(home, "alpha")
    live(home, "beta", "sandbox")
    (home / "instances" / "beta" / "instance.toml").write_text("x = ")
    assert told(home) == [(Level.OK, "no real money", "")]


@pytest.mark.parametrize("body", [None, "nonsense", "[]"])
def test_a_key_that_nobody_asked_about_is_told(home: Path, body: str | None) -> None:
    folder = live(home, "alpha")
    if body is not None:
        make_file(folder / "rights.json", body)
    ((level, what, fix),) = told(home)
    assert (level, fix) == (Level.WARNING, "investbot keys check alpha")
    assert what == "alpha: nobody asked its venue what its key may do"


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        ({"trade": True, "withdraw": False, "ip_restricted": True}, []),
        ({"trade": None, "withdraw": None, "ip_restricted": None}, []),
        ({"ip_restricted": False}, [("works from any address", "investbot keys check alpha")]),
        ({"withdraw": True}, [("may withdraw money", "investbot keys set alpha")]),
        ({"trade": False}, [("may not trade", "investbot keys set alpha")]),
    ],
)
def test_what_the_venue_said_last_is_judged(
    home: Path, rights: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    folder = live(home, "alpha")
    make_file(folder / "rights.json", json.dumps({"at": "2026-01-01T00:00:00Z", **rights}))
    found = told(home)
    if not expected:
        assert found == [(Level.OK, "1 may trade, from known addresses where their venue says so", "")]
        return
    assert [level for level, _, _ in found] == [Level.WARNING] * len(expected)
    for (words, fix), (_, what, command) in zip(expected, found, strict=True):
        assert words in what
        assert "2026-01-01T00:00:00Z" in what
        assert command == fix
