"""Instances are kept apart by the kernel, and nothing that runs programs for others stands open to them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from investbot.config.fleet import load_fleet
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import ConfigError

NAME = "isolation"
ON, SOCKETS = "on", "sockets"
DOORS = (
    "/run/user/{uid}/bus",
    "/run/user/{uid}/systemd/private",
    "/run/user/{uid}/podman/podman.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/docker.sock",
    "/run/systemd/private",
)
"""Sockets whose owners start programs for whoever may write to them."""


def check(host: Host) -> list[Issue]:
    """Look at what the kernel can do, at the instances that are not to be isolated, at sockets that lead out."""
    found = [*_switched_off(host), *_missing(host), *_doors(host)]
    there = [name for name, told in host.isolation.items() if told == ON]
    return found or [Issue(NAME, Level.OK, f"{', '.join(there)} of every instance are kept apart")]


def _switched_off(host: Host) -> Iterator[Issue]:
    try:
        off = load_fleet(host.home).isolation.off
    except ConfigError:
        return  # the check of settings tells
    if off:
        who = "every instance" if "*" in off else ", ".join(off)
        why = "its strategy, and every package it uses, can read whatever you can, the keys of others too"
        fix = f"${{EDITOR:-vi}} {shlex.quote(str(host.fleet_file))}"
        yield Issue(NAME, Level.WARNING, f"switched off for {who} by isolation.off", why, fix)


def _missing(host: Host) -> Iterator[Issue]:
    for name, told in host.isolation.items():
        if told != ON and name != SOCKETS:
            why = "a hostile strategy could reach beyond its instance there"
            yield Issue(NAME, Level.WARNING, f"{name}: {told}", why, "uname -r; cat /sys/kernel/security/lsm")


def _doors(host: Host) -> Iterator[Issue]:
    if host.isolation.get(SOCKETS, ON) == ON:
        return
    open_ones = [path for path in (Path(door.format(uid=host.uid)) for door in DOORS) if os.access(path, os.W_OK)]
    if open_ones:
        what = f"a hostile strategy could call {' and '.join(map(str, open_ones))}"
        why = f"whoever answers there runs programs as you, outside of all isolation; {host.isolation[SOCKETS]}"
        fix = "sudo useradd --system --create-home investbot  # and run InvestBot as this user"
        yield Issue(NAME, Level.WARNING, what, why, fix)
