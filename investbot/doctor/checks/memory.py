"""There is memory for the instances, and what they keep in it stays there."""

from __future__ import annotations

import shlex

from investbot.config.instance import load_instance
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import ConfigError

NAME = "memory"
SWAP = "swap"
_MIB = 2**20
BASE, EACH = 256 * _MIB, 64 * _MIB
"""What supervisor, fork server and feed take together, and what an instance does, in bytes (docs/benchmarks.md)."""
_LEAST, _LEAST_PART = 128 * _MIB, 10


def check(host: Host) -> list[Issue]:
    """Compare memory with what the instances take, with their bounds, and look where it is swapped to."""
    now = host.memory()
    if now is None:
        return [Issue(NAME, Level.OK, "the system does not tell how much there is")]
    names = host.names()
    wanted = BASE + EACH * len(names)
    budget = f"{len(names)} instances take about {_told(wanted)} of {_told(now.total)}"
    found: list[Issue] = []
    if wanted > now.total:
        why = "the kernel ends processes when memory runs out"
        found.append(Issue(NAME, Level.WARNING, budget, why, "investbot remove NAME"))
    elif now.available < max(_LEAST, now.total // _LEAST_PART):
        what = f"only {_told(now.available)} of {_told(now.total)} are available"
        found.append(
            Issue(NAME, Level.WARNING, what, "the kernel ends processes when memory runs out", "investbot top")
        )
    found += [issue for name in names if (issue := _bound(host, name, now.total))]
    return [*(found or [Issue(NAME, Level.OK, budget)]), *_swap(now.swap_total, now.swap_free, now.plain_swap)]


def _bound(host: Host, name: str, total: int) -> Issue | None:
    """Tell of a bound that the machine ends first."""
    try:
        bound = load_instance(host.instances / name).restart.memory_mb * _MIB
    except ConfigError:  # the check of settings tells
        return None
    if bound <= total:
        return None
    what = f"{name} may take {_told(bound)} (restart.memory_mb), more than there is"
    why = "the kernel ends it before it can end in order"
    fix = f"investbot config set {name} restart.memory_mb={total // _MIB // 2}"
    return Issue(NAME, Level.WARNING, what, why, fix)


def _swap(total: int, free: int, plain: tuple[str, ...]) -> list[Issue]:
    if not total:
        return [Issue(SWAP, Level.OK, "there is none")]
    found: list[Issue] = []
    if plain:
        why = "what a process keeps in memory, keys too, may be written there and stay"
        fix = f"sudo swapoff {' '.join(map(shlex.quote, plain))}"
        found.append(Issue(SWAP, Level.WARNING, f"{', '.join(plain)} is not encrypted", why, fix))
    if 2 * (total - free) > total:
        what = f"{_told(total - free)} of {_told(total)} are in use"
        found.append(
            Issue(SWAP, Level.WARNING, what, "processes wait for the disk: decisions come late", "investbot top")
        )
    return found or [Issue(SWAP, Level.OK, f"{_told(total)}, in memory or encrypted")]


def _told(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count // _MIB} MiB"
