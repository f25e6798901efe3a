"""`scripts/upgrade` with the program itself: a version whose instances fall over gives way, and the ledger goes on."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.deploy.scratch import Machine, write
from tests.integration.cli import PASSPHRASE, market
from tests.integration.instance_homes import wait_for

PROGRAM = """\
#!/bin/sh
here=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
PYTHONPATH=$here/source PYTHONPYCACHEPREFIX={cache} exec {python} -P -c 'from investbot.cli.main import run; run()' "$@"
"""
pytestmark = pytest.mark.timeout(300)


class RealMachine(Machine):
    """A scratch root whose versions are this very program, and one that was broken."""

    def tag(self, name: str, wrong: str, schema: int) -> None:
        ignored = shutil.ignore_patterns("__pycache__")
        for part in ("investbot", "profiles", "systemd", "scripts"):
            shutil.copytree(REPOSITORY / part, self.clone / part, dirs_exist_ok=True, ignore=ignored)
        for file in ("pyproject.toml", "README.md", "LICENSE", "requirements.lock", "requirements-dev.lock"):
            shutil.copy2(REPOSITORY / file, self.clone / file)
        write(self.clone / "investbot/__init__.py", f'"""InvestBot."""\n\n__version__ = "{name[1:]}"\n')
        python = shlex.quote(sys.executable)
        write(self.clone / "investbot/program", PROGRAM.format(python=python, cache=self.folder / "cache"))
        if wrong:
            runner = self.clone / "investbot/instance/runner.py"
            runner.write_text(runner.read_text() + f"\nraise RuntimeError({wrong!r})\n")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", name)
        self.git("tag", name)

    def told(self, *words: str) -> Any:
        done = self.program(*words, "--json")
        assert done.code == 0, done
        return json.loads(done.out)


def test_a_ledger_goes_on_after_a_version_that_was_not_well(tmp_path: Path) -> None:
    machine = RealMachine(tmp_path, {"v8.0.0": "", "v9.0.0": "it was broken on purpose"})
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    (tmp_path / "passphrase").chmod(0o600)
    profile = write_profile(tmp_path)
    machine.checkout("v8.0.0")
    machine.ok("install")
    assert machine.program("version").out == "investbot 8.0.0\n"
    for words in (("init",), ("create", "alpha", "--profile", str(profile)), ("up", "--detach"), ("start", "alpha")):
        done = machine.program(*words)
        assert done.code == 0, done
    try:
        before = wait_for(lambda: len(machine.told("trips", "alpha")), 60)
        done = machine.run("upgrade", "--wait", "2", "--settle", "0", "--without-backup")
        assert (done.code, machine.in_use()) == (70, "v8.0.0"), done
        assert "v9.0.0 is not well (alpha is " in done.out
        (row,) = machine.told("status")
        assert (row["state"], row["paused"]) == ("RUNNING", {})
        assert len(machine.told("trips", "alpha")) >= before
        kinds = [(each["kind"], each.get("cause")) for each in machine.told("events", "alpha")]
        assert [each for each in kinds if each[0].startswith("Entries")] == [
            ("EntriesPaused", "operator"),
            ("EntriesResumed", "operator"),
        ]
        log = (machine.home / "instances/alpha/logs/instance.log").read_text()
        assert log.count('"event": "ready"') == 2  # as it was, and again
    finally:
        machine.program("down", "--yes")


def write_profile(folder: Path) -> Path:
    profile = folder / "lively.toml"
    write(profile, market(speed=100) + '\n[restart]\nbackoff = "100ms"\nmax = "200ms"\n')
    return profile
