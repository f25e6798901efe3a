"""The user data of a rented machine: read by cloud-init, without a secret, and it installs what is here."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.conftest import REPOSITORY
from tests.deploy.scratch import write

TEXT = (REPOSITORY / "deploy/vps/cloud-init.yaml").read_text(encoding="utf-8")
INSTALLER = "/usr/local/sbin/investbot-first-install"
WORDS = {"type": "array", "minItems": 1, "items": {"type": "string"}}
FILE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "permissions", "content"],
    "properties": {
        "path": {"type": "string", "pattern": "^/(etc|usr/local)/"},
        "permissions": {"type": "string", "pattern": "^0[67](00|44|55)$"},
        "content": {"type": "string"},
    },
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["packages", "ssh_pwauth", "disable_root", "swap", "write_files", "runcmd"],
    "properties": {
        "package_update": {"const": True},
        "package_upgrade": {"const": True},
        "packages": WORDS,
        "ssh_pwauth": {"const": False},
        "disable_root": {"const": True},
        "swap": {
            "type": "object",
            "additionalProperties": False,
            "required": ["filename", "size", "maxsize"],
            "properties": {each: {"type": "string"} for each in ("filename", "size", "maxsize")},
        },
        "write_files": {"type": "array", "items": FILE},
        "runcmd": {"type": "array", "items": WORDS},
        "final_message": {"type": "string"},
    },
}


def document() -> Any:
    return yaml.safe_load(TEXT)


def files() -> dict[str, str]:
    return {each["path"]: each["content"] for each in document()["write_files"]}


def test_it_is_what_cloud_init_reads() -> None:
    assert TEXT.startswith("#cloud-config\n")
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document())] == []


def test_there_is_no_secret_in_it() -> None:
    body = "\n".join(line for line in TEXT.splitlines() if not line.startswith("#"))
    assert not re.search(
        r"passw|secret|token|api_?key|BEGIN", body.replace("the passphrase and the home come by hand", "")
    )


def test_what_is_run_at_the_end_is_written_before() -> None:
    ran = [words[0] for words in document()["runcmd"]]
    assert ran[-1] == INSTALLER
    assert INSTALLER in files()


@pytest.mark.parametrize(("manager", "asked"), [("apt-get", "install --yes python3-venv"), ("dnf", "python3.11")])
def test_the_first_install_takes_the_tag_and_installs_it_once_more_without_harm(
    tmp_path: Path, manager: str, asked: str
) -> None:
    told = tmp_path / "told"
    for name in (manager, "git"):
        write(tmp_path / "bin" / name, f'#!/bin/sh\necho "{name} $*" >>{told}\n', 0o755)
    for name in ("mkdir", "sh"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    write(tmp_path / "etc/investbot.install", files()["/etc/investbot.install"])
    source = tmp_path / "src/investbot/scripts/install"
    script = files()[INSTALLER].replace("/etc/investbot.install", str(tmp_path / "etc/investbot.install"))
    write(tmp_path / "first", script.replace("/usr/local/src", str(tmp_path / "src")))
    write(
        tmp_path / "bin/git",
        f"#!/bin/sh\necho git $* >>{told}; mkdir -p {source.parent}; /bin/cp {tmp_path}/install {source}\n",
        0o755,
    )
    write(tmp_path / "install", f"#!/bin/sh\necho installed >>{told}\n", 0o755)
    for _ in range(2):
        subprocess.run(["sh", str(tmp_path / "first")], check=True, env={"PATH": str(tmp_path / "bin")})
    said = told.read_text().splitlines()
    assert asked in said[0]
    assert [line for line in said if line.startswith("git")] == [
        f"git clone --branch v0.1.0 https://git.example.org/you/investbot.git {tmp_path}/src/investbot"
    ]
    assert said.count("installed") == 2


def test_what_it_names_is_there() -> None:
    assert (REPOSITORY / "scripts/install").is_file()
    page, _, part = re.findall(r"# (docs/\S+)", TEXT)[0].partition("#")
    headings = re.findall(r"^#+ (.+)$", (REPOSITORY / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert part in {each.lower().replace(" ", "-") for each in headings}
    assert all(shlex.split(line) for line in files()["/etc/investbot.install"].splitlines())
