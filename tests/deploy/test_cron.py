"""The example for cron: lines that cron takes, commands that the program has, and the order they come in."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from investbot.cli.passphrase import ENVIRONMENT
from tests.conftest import REPOSITORY
from tests.deploy.commands import wrong_with
from tests.deploy.scratch import write

TEXT = (REPOSITORY / "deploy" / "cron.example").read_text(encoding="utf-8")
FIELD = r"(?:\*|\d+(?:-\d+)?(?:,\d+)*)(?:/\d+)?"
ENTRY = re.compile(rf"(@reboot|(?:{FIELD}\s+){{4}}{FIELD})\s+(.+)")


def lines() -> tuple[dict[str, str], dict[str, str]]:
    """What is set, and the commands by their time, each as cron hands it to its shell (crontab(5))."""
    settings: dict[str, str] = {}
    commands: dict[str, str] = {}
    for line in TEXT.splitlines():
        if not line or line.startswith("#"):
            continue
        if entry := ENTRY.fullmatch(line):
            command = entry[2]
            assert not re.search(r"(?<!\\)%", command), "cron makes a new line of a bare %"
            commands[" ".join(entry[1].split())] = command.replace("\\%", "%")
        else:
            name, equals, value = line.partition("=")
            assert equals, line
            assert re.fullmatch("[A-Z_]+", name), line
            settings[name] = value
    return settings, commands


def test_every_line_is_one_that_cron_takes() -> None:
    settings, commands = lines()
    assert settings.keys() == {"SHELL", "PATH", "MAILTO", "INVESTBOT_HOME", ENVIRONMENT}
    assert Path(settings[ENVIRONMENT]).is_absolute()
    assert commands.keys() == {"@reboot", "0 2 * * *"}
    assert TEXT.endswith("\n")  # cron leaves out a last line without one


@pytest.mark.parametrize("time", ["@reboot", "0 2 * * *"])
def test_its_commands_are_in_the_program(time: str) -> None:
    command = lines()[1][time]
    found = [shlex.split(part) for part in re.findall(r"investbot ([^&;]+)", command)]
    assert found
    assert [wrong for words in found for wrong in wrong_with(words)] == []


@pytest.mark.parametrize(
    ("fails", "asked"),
    [
        ("nothing", ["backup create --all --quiet", "backup expire --quiet"]),
        ("create", ["backup create --all --quiet"]),
    ],
)
def test_old_copies_go_only_when_new_ones_were_made(tmp_path: Path, fails: str, asked: list[str]) -> None:
    write(tmp_path / "sleep", f'#!/bin/sh\necho "$1" >{tmp_path}/slept\n', 0o755)
    write(tmp_path / "investbot", f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n[ "$2" != {fails} ]\n', 0o755)
    settings, commands = lines()
    done = subprocess.run(
        [settings["SHELL"], "-c", commands["0 2 * * *"]],
        check=False,
        env=settings | {"PATH": f"{tmp_path}:{settings['PATH']}"},
    )
    assert done.returncode == (fails != "nothing")
    assert (tmp_path / "asked").read_text().splitlines() == asked
    assert 0 <= int((tmp_path / "slept").read_text()) < 3600
