"""Reads a Dockerfile and names what of it breaks a rule; the codes are those that hadolint gives the same rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

Instruction = tuple[str, str]
"""What is to be done, in capitals, and with what; continued lines are one."""


def instructions(text: str) -> list[Instruction]:
    """Read the instructions of a Dockerfile."""
    whole = re.sub(r"\\\n\s*", " ", text)
    lines = (line.strip() for line in whole.splitlines())
    return [
        (word.upper(), rest.strip())
        for word, _, rest in (each.partition(" ") for each in lines if each[:1] not in {"", "#"})
    ]


def offences(text: str) -> list[str]:
    """Name each rule that is broken."""
    found = instructions(text)
    return [*_bases(found), *_users(found), *_commands(found), *_secrets(found)]


def last_stage(found: list[Instruction]) -> list[Instruction]:
    """Give the instructions of which the image is made."""
    begins = max(place for place, (word, _) in enumerate(found) if word == "FROM")
    return found[begins:]


def _bases(found: list[Instruction]) -> Iterator[str]:
    for image in (rest.split()[0] for word, rest in found if word == "FROM"):
        name, _, tag = image.rpartition(":")
        if not name:
            yield f"DL3006 no tag: {image}"
        elif tag == "latest" or not re.match(r"\d+\.\d+\.\d+", tag):
            yield f"DL3007 a tag that moves: {image}"
        if "/" in image:
            yield f"the host of a registry: {image}"


def _users(found: list[Instruction]) -> Iterator[str]:
    users = [rest for word, rest in last_stage(found) if word == "USER"]
    if not users or users[-1].partition(":")[0] in {"0", "root"}:
        yield "DL3002 the last user is root"
    elif not re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[-1]):
        yield "a user without a number, which runAsNonRoot asks for"


def _commands(found: list[Instruction]) -> Iterator[str]:
    last = last_stage(found)
    for word, code in (("ENTRYPOINT", "DL4004"), ("CMD", "DL4003")):
        if sum(each == word for each, _ in last) != 1:
            yield f"{code} not one {word}"
        if any(each == word and not rest.startswith("[") for each, rest in found):
            yield f"DL3025 {word} through a shell"
    if any(word == "ADD" for word, _ in found):
        yield "DL3020 ADD instead of COPY"
    if any(word == "WORKDIR" and not rest.startswith("/") for word, rest in found):
        yield "DL3000 a relative WORKDIR"
    for run in (rest for word, rest in found if word == "RUN"):
        if re.search(r"\bsudo\b", run):
            yield "DL3004 sudo"
        if "apt-get install" in run and "rm -rf /var/lib/apt/lists" not in run:
            yield "DL3009 the lists of apt stay"
        if re.search(r"(curl|wget)\b.*\|\s*(ba)?sh", run):
            yield "a script from afar"
        for step in run.split("&&"):
            if re.search(r"pip install", step) and "--require-hashes" not in step and "--no-index" not in step:
                yield f"DL3013 pip without hashes: {step.strip()}"


def _secrets(found: list[Instruction]) -> Iterator[str]:
    for word, rest in found:
        if word in {"ARG", "ENV"} and re.search(r"passphrase|secret|token|passw|api_?key", rest, re.IGNORECASE):
            yield f"a secret in the image: {word}"
        if word == "COPY" and rest.split()[-2:-1] == ["."]:
            yield "everything is copied"
