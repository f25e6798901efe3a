"""The program as a whole: its verbs, its help, what it imports, how long it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest
import typer.main

from investbot import __version__
from investbot.cli.main import main
from investbot.cli.quick import quickly
from investbot.cli.registry import MODULES, build
from investbot.domain.errors import UnknownInstance
from tests.unit.cli.conftest import Cli, spawned


def verbs(app: typer.Typer) -> set[str]:
    return set(getattr(typer.main.get_command(app), "commands"))  # noqa: B009 - a group has them, the type does not say


@pytest.mark.parametrize("module", MODULES)
def test_each_module_brings_exactly_its_verbs(module: str) -> None:
    assert verbs(build(MODULES[module][0])) == set(MODULES[module])


def test_the_whole_program_has_every_verb() -> None:
    assert verbs(build(None)) == {verb for names in MODULES.values() for verb in names}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"investbot {__version__}\n"
    assert main(["--json", "version"]) == 0
    assert __version__ in capsys.readouterr().out
    assert main(["version", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["nonsense"], "nonsense"),
        (["statsu"], "Did you mean"),
        (["version", "--nonsense"], "--nonsense"),
        (["fills"], "NAME"),
        (["fills", "a", "b"], "argument"),
        (["profiles"], "Missing command"),
        (["status", "--home"], "--home"),
        (["create", "x"], "--profile"),
    ],
)
def test_a_line_that_is_put_wrongly_is_64(line: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == 64
    shown = capsys.readouterr()
    assert shown.out == ""
    assert says in shown.err
    assert shown.err.count("\n") == 1


def test_help_names_every_verb_and_the_options_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ([], ["--help"], ["-h"]):
        assert main(line) == 0
        shown = capsys.readouterr().out
        assert all(f" {verb} " in shown for names in MODULES.values() for verb in names)
        assert "--passphrase-file" in shown


def test_completion_offers_verbs_and_instances(cli: Cli, folder: Path) -> None:
    program = [sys.executable, "-c", "from investbot.cli.main import run; run()"]

    def complete(line: str) -> str:
        environment = os.environ | {
            "_INVESTBOT_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
            "INVESTBOT_HOME": str(folder / "home"),
        }
        return subprocess.run(program, capture_output=True, check=False, text=True, env=environment).stdout

    assert complete("investbot prof").split() == ["profiles"]
    assert complete("investbot fills a").split() == ["alpha"]


def test_an_interrupted_command_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(verb: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("investbot.cli.registry.build", interrupted)
    assert main(["version"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_bug_is_70_and_shows_its_traceback_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(verb: str | None) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("investbot.cli.registry.build", broken)
    assert main(["version"]) == 70
    assert "Traceback" not in capsys.readouterr().err
    assert main(["version", "--debug"]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(traded: Path) -> None:
    command = f"{sys.executable} -c 'from investbot.cli.main import run; run()' events alpha --json"
    command += f" --home {traded / 'home'} --passphrase-file {traded / 'passphrase'} | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[", "")


def test_a_wrong_line_in_a_process_of_its_own() -> None:
    result = spawned("nonsense")
    assert (result.code, result.out) == (64, "")


@pytest.mark.parametrize("line", [["version"], ["status", "--help"]])
def test_light_commands_load_nothing_heavy(line: list[str]) -> None:
    asked = (
        "import sys\nfrom investbot.cli.main import main\n"
        f"main({line!r})\nprint(' '.join(sorted({{name.partition('.')[0] for name in sys.modules}})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True)
    loaded = set(done.stderr.split())
    assert (
        loaded & {"ccxt", "textual", "sqlcipher3", "numpy", "talib", "asyncio", "apscheduler", "cryptography"} == set()
    )


def test_status_of_a_fleet_that_runs_takes_the_short_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def __init__(self, home: Path) -> None:
            assert home == tmp_path

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def call(self, verb: str, *, names: list[str]) -> list[dict[str, Any]]:
            assert verb == "status"
            if "gone" in names:
                raise UnknownInstance("There is no instance 'gone'.")
            return [{"name": name, "state": "RUNNING", "equity": "1.239", "notices": {"error": "x."}} for name in names]

    (tmp_path / "investbot.toml").touch()
    monkeypatch.setattr("investbot.cli.fleet.ControlClient", Client)
    monkeypatch.delitem(sys.modules, "investbot.cli.commands.status", raising=False)
    line = ["--home", str(tmp_path), "status", "beta", "alpha", "beta"]
    assert quickly(line) == 0
    assert "investbot.cli.commands.status" not in sys.modules
    for longer in (["--watch"], ["gone"], ["--json", "--quiet"]):
        assert quickly([*line, *longer]) is None
    assert quickly(["--home", str(tmp_path / "nowhere"), "status"]) is None
    assert quickly(["orders", "status"]) is None


def test_the_short_way_ends_well_when_nobody_reads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("investbot.cli.main.quickly", interrupted)
    assert main(["status"]) == 130
