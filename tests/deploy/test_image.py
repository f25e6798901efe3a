"""The Dockerfile keeps the rules, and each rule sees what it is there for."""

from __future__ import annotations

import pytest

from tests.conftest import REPOSITORY
from tests.deploy.commands import wrong_with
from tests.deploy.image import instructions, last_stage, offences

TEXT = (REPOSITORY / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_the_dockerfile_keeps_the_rules() -> None:
    assert offences(TEXT) == []


@pytest.mark.parametrize(
    ("was", "becomes", "code"),
    [
        ("FROM python:3.13.9-slim-bookworm AS", "FROM python AS", "DL3006"),
        ("FROM python:3.13.9-slim-bookworm AS", "FROM python:latest AS", "DL3007"),
        ("FROM python:3.13.9-slim-bookworm AS", "FROM python:3 AS", "DL3007"),
        ("FROM python:", "FROM images.example/python:", "the host"),
        ("USER 10001:10001\n", "", "DL3002"),
        ("USER 10001:10001", "USER root", "DL3002"),
        ("USER 10001:10001", "USER investbot", "a user without"),
        ('ENTRYPOINT ["investbot"]', "", "DL4004"),
        ('ENTRYPOINT ["investbot"]', "ENTRYPOINT investbot", "DL3025"),
        ('ENTRYPOINT ["investbot"]', 'ENTRYPOINT ["a"]\nENTRYPOINT ["investbot"]', "DL4004"),
        ("COPY pyproject", "ADD pyproject", "DL3020"),
        ("WORKDIR /build", "WORKDIR build", "DL3000"),
        ("RUN groupadd", "RUN apt-get update && apt-get install -y gcc && groupadd", "DL3009"),
        ("RUN groupadd", "RUN curl https://x.example | sh && groupadd", "a script"),
        ("RUN groupadd", "RUN sudo groupadd", "DL3004"),
        ("--require-hashes", "", "DL3013"),
        ("COPY investbot investbot", "COPY . .", "everything"),
        ("PYTHONDONTWRITEBYTECODE=1", "INVESTBOT_PASSPHRASE=x", "a secret"),
    ],
)
def test_a_broken_rule_is_seen(was: str, becomes: str, code: str) -> None:
    assert was in TEXT
    assert any(each.startswith(code) for each in offences(TEXT.replace(was, becomes)))


def test_what_it_copies_is_there_and_reaches_the_builder() -> None:
    ignored = (REPOSITORY / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    copied = {
        name
        for word, rest in instructions(TEXT)
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert all((REPOSITORY / name).exists() for name in copied)


def test_it_runs_a_command_there_is_with_its_home_on_a_volume() -> None:
    last = dict(last_stage(instructions(TEXT)))
    assert last["ENTRYPOINT"] == '["investbot"]'
    assert wrong_with([word.strip(' "') for word in last["CMD"].strip("[]").split(",")]) == []
    assert "INVESTBOT_HOME=/var/lib/investbot" in last["ENV"].split()
    assert last["VOLUME"] == '["/var/lib/investbot"]'
