"""The instances together have no more capital than the fleet."""

from __future__ import annotations

from decimal import Decimal

from investbot.config.fleet import load_fleet
from investbot.config.instance import load_instance
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import ConfigError

NAME = "allocations"


def check(host: Host) -> list[Issue]:
    """Add up what the readable settings allocate; what cannot be read is told by the check of settings."""
    try:
        capital = load_fleet(host.home).fleet.capital
    except ConfigError:
        why = "its file has mistakes, which the check of settings tells"
        return [Issue(NAME, Level.WARNING, "the fleet's capital is unknown", why, "investbot doctor")]
    given: dict[str, Decimal] = {}
    for name in host.names():
        try:
            given[name] = load_instance(host.instances / name).capital
        except ConfigError:
            continue
    total = sum(given.values(), Decimal(0))
    if capital is not None and total > capital:
        largest = max(given, key=lambda name: given[name])
        what = f"{total:f} is allocated, and the fleet's capital is {capital:f}"
        why = "the instances could spend money that is not there"
        return [Issue(NAME, Level.ERROR, what, why, f"investbot capital {largest} AMOUNT")]
    limit = "no cap" if capital is None else f"{capital:f}"
    return [Issue(NAME, Level.OK, f"{total:f} allocated of {limit}")]
