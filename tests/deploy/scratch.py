"""A machine below a folder: a repository of versions that stand in for the program, and the scripts that bring them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

HERE = Path(__file__).parent
KEPT = ("LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG")


@dataclass(frozen=True, slots=True)
class Done:
    """What one run of a script came to."""

    code: int
    out: str
    err: str


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def fakes(folder: Path, python: str = sys.executable) -> Path:
    """Make programs that take the place of those that would need a network or change the machine."""
    write(folder / "uv", (HERE / "stand_in_uv.sh").read_text().replace("PYTHON", python), 0o755)
    for name in ("systemctl", "systemd-run", "useradd", "runuser"):
        write(folder / name, f'#!/bin/sh\necho "{name} $*" >>"$FORBIDDEN"\nexit 1\n', 0o755)
    return folder


class Machine:
    """One scratch root with a clone beside it; `versions` are tagged there in order: name -> what is wrong with it."""

    def __init__(self, folder: Path, versions: dict[str, str], schemas: dict[str, int] | None = None) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.where: tuple[str, ...] = ("--root", str(self.root))
        self.clone = folder / "clone"
        self.home = self.root / "var/lib/investbot"
        self.prefix = self.root / "opt/investbot"
        self.asked = folder / "asked"
        self.forbidden = folder / "forbidden"
        self.command = self.root / "usr/local/bin/investbot"
        self.bin = fakes(folder / "bin")
        for name, wrong in versions.items():
            self.tag(name, wrong, (schemas or {}).get(name, 1))

    def of_a_user(self) -> None:
        """Install for one user instead, without another root, under a service manager that stands in for his."""
        own = self.folder / "user"
        self.where = ("--user",)
        self.prefix, self.home = own / ".local/lib/investbot", own / ".local/share/investbot"
        self.command = own / ".local/bin/investbot"
        write(self.bin / "systemctl", (HERE / "stand_in_systemctl.sh").read_text(), 0o755)
        run = 'while [ "${1#--}" != "$1" ]; do shift; done; exec env "INVESTBOT_HOME=$HOME/.local/share/investbot" "$@"'
        write(self.bin / "systemd-run", f'#!/bin/sh\necho "run $*" >>"$HOME/asked"\n{run}\n', 0o755)

    def tag(self, name: str, wrong: str, schema: int) -> None:
        """Commit one version to the clone and tag it."""
        for part in ("systemd", "scripts/placing"):
            shutil.copytree(REPOSITORY / part, self.clone / part, dirs_exist_ok=True)
        for script in ("install", "upgrade"):
            shutil.copy2(REPOSITORY / "scripts" / script, self.clone / "scripts" / script)
        program = (HERE / "stand_in.sh").read_text()
        program = program.replace("VERSION", name).replace("SCHEMA", str(schema)).replace("WRONG", wrong or "nothing")
        write(self.clone / "investbot/program", program)
        write(self.clone / "investbot/__init__.py", f'__version__ = "{name[1:]}"\n')
        steps = self.clone / "investbot/adapters/storage/migrations"
        shutil.rmtree(steps, ignore_errors=True)
        for number in range(1, schema + 1):
            write(steps / f"{number:04}_step.up.sql", "")
        for other in ("requirements.lock", "requirements-dev.lock", "pyproject.toml", "README.md", "LICENSE"):
            write(self.clone / other, f"# {name}\n")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", name)
        self.git("tag", name)

    def git(self, *words: str) -> None:
        named = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(self.clone), *named, *words], check=True, capture_output=True)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        passphrase = self.folder / "passphrase"
        passphrase.touch(0o600)
        return kept | {
            "PATH": f"{self.bin}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder / "user"),
            "UV_ASKED": str(self.asked),
            "FORBIDDEN": str(self.forbidden),
            "INVESTBOT_PASSPHRASE_FILE": str(passphrase),
            **more,
        }

    def run(self, script: str | Path, *words: str, **more: str) -> Done:
        """Run one of the scripts of the clone (or another one) with its root below the folder."""
        program = self.clone / "scripts" / script
        command = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self.home.parent / "script.pid")]
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with subprocess.Popen(
            [*command, str(program), *self.where, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.environment(**more),
        ) as process:
            out, err = process.communicate(timeout=110)
        assert not self.forbidden.exists(), self.forbidden.read_text()
        return Done(process.returncode, out, err)

    def ok(self, script: str, *words: str) -> Done:
        done = self.run(script, *words)
        assert done.code == 0, done
        return done

    def checkout(self, tag: str) -> None:
        self.git("checkout", "--quiet", "--force", tag)

    def in_use(self) -> str:
        return (self.prefix / "current").readlink().name

    def instance(self, name: str, ledger: str) -> None:
        folder = self.home / "instances" / name
        write(folder / "instance.toml", "")
        write(folder / "ledger.db", ledger)
        write(folder / "logs/instance.log", "a line\n")
        (folder / "lock").touch()

    def program(self, *words: str) -> Done:
        """Run the command as it is installed."""
        done = subprocess.run(
            [str(self.command), *words],
            capture_output=True,
            check=False,
            text=True,
            env=self.environment(INVESTBOT_HOME=str(self.home)),
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def calls(self) -> list[str]:
        """Tell what the program was asked for so far, `VERSION VERB …`."""
        file = self.home.parent / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def close(self) -> None:
        """End what the stand-ins hold."""
        pids = self.home / "run/pids"
        for line in pids.read_text().split() if pids.exists() else []:
            try:
                os.kill(int(line), signal.SIGKILL)
            except ProcessLookupError:
                continue
