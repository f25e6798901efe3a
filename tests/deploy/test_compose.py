"""The Compose files on top of compose.yaml, and what watches there: whole together, and nothing open to the world."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from investbot.cli.passphrase import ENVIRONMENT
from investbot.control.health_door import PATHS, HealthDoor, open_door, parse_address
from tests.conftest import REPOSITORY
from tests.deploy.commands import wrong_with
from tests.deploy.test_placements import FOLDER, mistakes

OVERLAYS = {"development": "fleet", "monitoring": "alone", "vps": "fleet"}
WATCHERS = {"prober", "prometheus", "grafana"}
MEASURED = {"probe_success", "probe_duration_seconds"}
"""What the prober tells of each probe, whatever it asks."""


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def target(volume: str) -> str:
    return volume.split(":")[1]


def merged(base: Any, over: Any, key: str = "") -> Any:
    """Lay one document over another as Compose does: mappings merge, lists add up, commands and probes are replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {
            name: merged(base[name], over[name], name) if name in base and name in over else (base | over)[name]
            for name in [*base, *(each for each in over if each not in base)]
        }
    if isinstance(base, list) and isinstance(over, list) and key not in {"command", "test", "entrypoint"}:
        if key == "volumes":
            return [*(each for each in base if target(each) not in map(target, over)), *over]
        return [*base, *(each for each in over if each not in base)]
    return over


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def together(overlay: str) -> Any:
    return merged(read("compose.yaml"), read(f"compose.{overlay}.yaml"))


def test_there_are_no_others() -> None:
    assert {path.name for path in FOLDER.glob("compose*")} == {"compose.yaml"} | {
        f"compose.{each}.yaml" for each in OVERLAYS
    }


def test_together_they_have_the_form_of_compose(overlay: str) -> None:
    document = together(overlay)
    assert mistakes("compose", document) == []
    service = next(iter(read(f"compose.{overlay}.yaml")["services"]))
    document["services"][service]["ports"] = ["9090:9090"]
    assert mistakes("compose", document)


def test_the_line_that_runs_it_stands_in_its_head(overlay: str) -> None:
    head = (FOLDER / f"compose.{overlay}.yaml").read_text(encoding="utf-8").splitlines()[0]
    line = f"docker compose -f compose.yaml -f compose.{overlay}.yaml --profile {OVERLAYS[overlay]} up"
    assert line in head
    document = together(overlay)
    for name in read(f"compose.{overlay}.yaml")["services"]:
        assert OVERLAYS[overlay] in document["services"][name]["profiles"], name


def test_what_is_used_is_declared(overlay: str) -> None:
    document = together(overlay)
    for kind in ("volumes", "networks", "secrets"):
        used = chain.from_iterable(service.get(kind, []) for service in document["services"].values())
        names = {each.partition(":")[0] for each in used if not each.startswith(".")}
        assert names <= {"default", *document.get(kind, {})}, kind


def test_what_is_mounted_is_there(overlay: str) -> None:
    for service in together(overlay)["services"].values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (FOLDER / source).exists(), volume


def test_our_commands_are_in_the_program_and_no_secret_in_the_environment(overlay: str) -> None:
    ours = [each for each in together(overlay)["services"].values() if each["image"].startswith("investbot:")]
    assert [wrong for service in ours for wrong in wrong_with(service["command"])] == []
    assert {name for service in ours for name in service["environment"]} <= {
        "INVESTBOT_HOME",
        ENVIRONMENT,
        "PYTHONPATH",
    }


def test_a_password_comes_as_a_file() -> None:
    environment = read("compose.monitoring.yaml")["services"]["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana-password"
    assert not [
        name for name in environment if re.search("PASSWORD|SECRET|TOKEN", name) and not name.endswith("__FILE")
    ]
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/passphrase", "/deploy/grafana-password"} <= set(ignored)


def test_only_the_prober_can_ask_the_instances() -> None:
    document = together("monitoring")
    assert document["networks"]["watched"] == {"internal": True}
    assert "ports" not in document["services"]["alpha"]
    members = {name for name, service in document["services"].items() if "watched" in service.get("networks", [])}
    assert members == {"alpha", *WATCHERS}
    assert {name for name, service in document["services"].items() if "ports" in service} == {"prometheus", "grafana"}


def test_each_target_is_the_health_door_of_an_instance() -> None:
    services = together("monitoring")["services"]
    (job,) = read("monitoring/prometheus.yaml")["scrape_configs"]
    (targets,) = [each["targets"] for each in job["static_configs"]]
    asked = set()
    for each in targets:
        name, port, path = re.fullmatch(r"http://([a-z0-9-]+):(\d+)(/.*)", each).groups()  # type: ignore[union-attr]
        words = services[name]["command"]
        assert parse_address(words[words.index("--health") + 1])[1] == int(port)
        assert path in PATHS
        asked.add(name)
    assert asked == {name for name, service in services.items() if "--health" in service.get("command", [])}
    assert job["params"]["module"][0] in read("monitoring/blackbox.yaml")["modules"]
    relabelled = [each.get("replacement") for each in job["relabel_configs"]]
    assert relabelled[-1] == "prober:9115"
    assert re.sub(job["relabel_configs"][1]["regex"], r"\1", targets[0]) == "alpha"


def test_the_prober_believes_what_a_healthy_instance_says_and_nothing_else() -> None:
    http = read("monitoring/blackbox.yaml")["modules"]["health"]["http"]
    with open_door("127.0.0.1", 0) as listening:
        door = HealthDoor("alpha", listening, lambda: 1.0)
        sick = door.answer(b"GET /health HTTP/1.1\r\n\r\n")
        door.beat({"state": "RUNNING"})
        well = door.answer(b"GET /health HTTP/1.1\r\n\r\n")

    def believed(answer: bytes) -> bool:
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        return status in http["valid_status_codes"] and all(
            re.search(each, body.decode()) for each in http["fail_if_body_not_matches_regexp"]
        )

    assert (believed(well), believed(sick)) == (True, False)


def test_alerts_and_panels_ask_for_what_is_measured_of_our_job() -> None:
    rules = [rule for group in read("monitoring/alerts.yaml")["groups"] for rule in group["rules"]]
    board = json.loads((FOLDER / "monitoring/grafana/dashboards/instances.json").read_text(encoding="utf-8"))
    asked = [rule["expr"] for rule in rules]
    asked += [query["expr"] for panel in board["panels"] for query in panel["targets"]]
    (job,) = [each["job_name"] for each in read("monitoring/prometheus.yaml")["scrape_configs"]]
    for expression in asked:
        assert re.findall(r"(\w+)\{job=\"(\w+)\"\}", expression), expression
        assert {(name, of) for name, of in re.findall(r"(\w+)\{job=\"(\w+)\"\}", expression)} <= {
            (name, job) for name in MEASURED
        }
    assert all(rule["annotations"]["summary"].endswith(".") for rule in rules)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    (source,) = read("monitoring/grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}


def test_grafana_finds_its_source_and_its_board() -> None:
    services = together("monitoring")["services"]
    (source,) = read("monitoring/grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert source["url"].removeprefix("http://").partition(":")[0] in services
    (provider,) = read("monitoring/grafana/provisioning/dashboards/investbot.yaml")["providers"]
    mounts = {target(each): each.partition(":")[0] for each in services["grafana"]["volumes"]}
    assert list(Path(FOLDER, mounts[provider["options"]["path"]]).glob("*.json"))
    assert Path(FOLDER, mounts["/etc/grafana/provisioning"], "datasources").is_dir()


def test_a_small_machine_is_not_promised_more_than_it_has() -> None:
    fleet = together("vps")["services"]["fleet"]
    assert int(fleet["mem_limit"].removesuffix("m")) <= 768
    assert fleet["logging"]["options"]["max-size"]
    said = (FOLDER / "compose.vps.yaml").read_text(encoding="utf-8")
    (line,) = re.findall(r"exec -T fleet investbot (.+)", said)
    assert wrong_with(line.split()) == []
