"""All checks, and how they are run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from investbot.doctor.checks import (
    allocations,
    backups,
    clock,
    disk,
    feed,
    isolation,
    keys,
    ledgers,
    memory,
    notices,
    orphans,
    permissions,
    settings,
    supervisor,
    units,
    vault,
    versions,
)
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level


@dataclass(frozen=True, slots=True)
class Check:
    """A named look at a host."""

    name: str
    run: Callable[[Host], list[Issue]]


def all_checks() -> tuple[Check, ...]:
    """Give every check, in the order in which they are shown."""
    rooms = (
        versions,
        permissions,
        isolation,
        disk,
        memory,
        clock,
        units,
        settings,
        allocations,
        keys,
        orphans,
        vault,
        supervisor,
        feed,
        notices,
        backups,
        ledgers,
    )
    return tuple(Check(room.NAME, room.check) for room in rooms)


def diagnose(host: Host) -> list[Issue]:
    """Run every check; one that the system refuses is an issue itself and does not keep the others from running."""
    found: list[Issue] = []
    for check in all_checks():
        try:
            found += check.run(host)
        except OSError as error:
            what = f"cannot be looked at: {error.strerror}: {error.filename or host.home}"
            found.append(Issue(check.name, Level.ERROR, what, "nobody knows how it is", f"ls -la {host.home}"))
    return found
