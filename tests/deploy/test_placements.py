"""Files for engines that place containers: of the engine's form, with secrets as files and homes on volumes."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from investbot import __version__
from investbot.cli.passphrase import CREDENTIAL, ENVIRONMENT
from investbot.control.health_door import PATHS, parse_address
from tests.conftest import REPOSITORY
from tests.deploy.commands import wrong_with
from tests.integration.cli import PROGRAM, Shell

FOLDER = REPOSITORY / "deploy"
FILES = {"compose": "compose.yaml", "kubernetes": "kubernetes.yaml", "nomad": "investbot.nomad.json"}
ALLOWED = {"INVESTBOT_HOME", ENVIRONMENT}


@dataclass(frozen=True, slots=True)
class Placed:
    """One container, whichever engine places it."""

    engine: str
    image: str
    lines: tuple[tuple[str, ...], ...]
    environment: dict[str, str]
    volumes: tuple[str, ...]
    secrets: tuple[str, ...]


def documents(engine: str) -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / FILES[engine]).read_text(encoding="utf-8")))


def mistakes(engine: str, document: Any) -> list[str]:
    schema = json.loads((Path(__file__).parent / f"{engine}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(document)]


def of_compose() -> Iterator[Placed]:
    (document,) = documents("compose")
    for service in document["services"].values():
        _, program, *probe = service["healthcheck"]["test"]
        assert program == "investbot"
        yield Placed(
            "compose",
            service["image"],
            (tuple(service["command"]), tuple(probe)),
            service["environment"],
            tuple(each.partition(":")[2] for each in service["volumes"]),
            tuple(f"/run/secrets/{name}" for name in service["secrets"]),
        )
        assert {each.partition(":")[0] for each in service["volumes"]} <= document["volumes"].keys()
        assert set(service["secrets"]) <= document["secrets"].keys()


def stateful_set() -> Any:
    (found,) = (each for each in documents("kubernetes") if each["kind"] == "StatefulSet")
    return found["spec"]


def of_kubernetes() -> Iterator[Placed]:
    spec = stateful_set()
    pod = spec["template"]["spec"]
    claimed = {each["metadata"]["name"] for each in spec["volumeClaimTemplates"]}
    secret = {each["name"] for each in pod["volumes"] if "secret" in each}
    for container in [*pod["initContainers"], *pod["containers"]]:
        mounts = container["volumeMounts"]
        lines = [tuple(container["args"])] if "args" in container else []
        lines += [
            tuple(shlex.split(each)) for each in re.findall(r"\|\| investbot (.+)", container.get("command", [""])[-1])
        ]
        yield Placed(
            "kubernetes",
            container["image"],
            tuple(lines),
            {each["name"]: each["value"] for each in container["env"]},
            tuple(each["mountPath"] for each in mounts if each["name"] in claimed),
            tuple(
                f"{each['mountPath']}/{CREDENTIAL}" for each in mounts if each["name"] in secret and each["readOnly"]
            ),
        )


def of_nomad() -> Iterator[Placed]:
    (document,) = documents("nomad")
    for group in document["Job"]["TaskGroups"]:
        for task in group["Tasks"]:
            yield Placed(
                "nomad",
                task["Config"]["image"],
                (tuple(task["Config"]["args"]),),
                task["Env"],
                tuple(each["Destination"] for each in task["VolumeMounts"] if each["Volume"] in group["Volumes"]),
                tuple(f"/{each['DestPath']}" for each in task["Templates"]),
            )


def door_of(words: Sequence[str]) -> str:
    """Give what a line says of its health door."""
    return words[words.index("--health") + 1]


EVERYWHERE = "0.0.0.0"  # noqa: S104 - of a container, which has an address of its own
PLACED = [*of_compose(), *of_kubernetes(), *of_nomad()]


@pytest.fixture(params=PLACED, ids=lambda each: f"{each.engine}-{' '.join(each.lines[0])}")
def placed(request: pytest.FixtureRequest) -> Placed:
    found: Placed = request.param
    return found


@pytest.mark.parametrize("engine", FILES)
def test_it_has_the_form_of_its_engine(engine: str) -> None:
    for document in documents(engine):
        assert mistakes(engine, document) == []


@pytest.mark.parametrize("engine", FILES)
def test_a_mistyped_key_would_be_seen(engine: str) -> None:
    for document in documents(engine):
        assert mistakes(engine, document | {"servces": {}})


def test_every_command_in_it_is_in_the_program(placed: Placed) -> None:
    assert placed.lines
    assert [wrong for line in placed.lines for wrong in wrong_with(line)] == []


def test_a_command_that_is_not_there_would_be_seen() -> None:
    assert wrong_with(["run", "alpha", "--detach"]) == ["no option of run: --detach"]
    assert wrong_with(["runs", "alpha"]) == ["no command: runs alpha"]
    assert wrong_with(["up", "--restore", "--json"]) == []


def test_no_secret_is_in_the_environment(placed: Placed) -> None:
    assert placed.environment.keys() == ALLOWED
    assert all(PurePosixPath(value).is_absolute() for value in placed.environment.values())
    assert placed.environment[ENVIRONMENT] in placed.secrets


def test_the_home_is_on_a_volume(placed: Placed) -> None:
    home = PurePosixPath(placed.environment["INVESTBOT_HOME"])
    assert any(home.is_relative_to(volume) for volume in placed.volumes)


def test_the_image_is_that_of_this_version(placed: Placed) -> None:
    assert placed.image == f"investbot:{__version__}"


def test_two_containers_never_share_a_home() -> None:
    (document,) = documents("compose")
    used = [volume.partition(":")[0] for service in document["services"].values() for volume in service["volumes"]]
    assert len(used) == len(set(used))


def test_a_pod_is_asked_whether_it_lives_and_has_time_to_end() -> None:
    spec = stateful_set()
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    assert pod["terminationGracePeriodSeconds"] >= 30
    named = {each["name"]: each["containerPort"] for each in container["ports"]}
    for probe in ("startupProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in PATHS
        assert parse_address(door_of(container["args"])) == (EVERYWHERE, named[asked["port"]])
    names = {each["name"] for each in pod["volumes"]} | {
        each["metadata"]["name"] for each in spec["volumeClaimTemplates"]
    }
    assert {each["name"] for each in container["volumeMounts"]} <= names


def test_nomad_asks_whether_it_lives() -> None:
    (document,) = documents("nomad")
    (group,) = document["Job"]["TaskGroups"]
    (task,) = group["Tasks"]
    (service,) = group["Services"]
    ((port,),) = [each["DynamicPorts"] for each in group["Networks"]]
    assert [port["Label"]] == task["Config"]["ports"] == [service["PortLabel"]]
    assert parse_address(door_of(task["Config"]["args"])) == (EVERYWHERE, port["To"])
    assert all(check["Path"] in PATHS for check in service["Checks"])


def test_the_first_start_of_a_pod_makes_its_home_and_the_next_leaves_it_alone(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "investbot"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    (first,) = stateful_set()["template"]["spec"]["initContainers"]
    environment = shell.environment(PATH=f"{program.parent}:{os.environ['PATH']}")
    said = [
        subprocess.run(
            first["command"], capture_output=True, check=True, cwd=tmp_path, env=environment, text=True
        ).stdout
        for _ in range(2)
    ]
    assert said[0]
    assert said[1] == ""
    assert (shell.home / "instances" / "alpha" / "instance.toml").is_file()
