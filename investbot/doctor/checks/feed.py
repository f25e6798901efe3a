"""The feed follows what instances trade, and can reach their venues."""

from __future__ import annotations

from investbot.config.fleet import load_fleet
from investbot.config.instance import load_instance
from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import ConfigError

NAME = "feed"
_OWN = frozenset({"replay", "synthetic"})
"""Venues whose candles never come from a feed."""
_WHY = "instances ask their venue by themselves after a while: more requests, and entries wait meanwhile"


def check(host: Host) -> list[Issue]:
    """Ask the feed how its streams are; say where one should be and is not."""
    told = host.feed_state()
    if told is None:
        return [_missing(host)]
    streams = told["streams"]
    issues = [
        Issue(
            NAME,
            Level.WARNING,
            f"{each['venue']} {each['symbol']} {each['timeframe']}: {str(each['trouble']).rstrip('.')}",
            _WHY,
            f"tail {host.run / 'feed.log'}",
        )
        for each in streams
        if each["trouble"]
    ]
    subscribers = sum(each["subscribers"] for each in streams)
    return issues or [Issue(NAME, Level.OK, f"it follows {len(streams)} streams for {subscribers} subscriptions")]


def _missing(host: Host) -> Issue:
    try:
        enabled = load_fleet(host.home).feed.enabled
    except ConfigError:
        return Issue(NAME, Level.OK, "none runs")  # what is wrong with that file another check tells
    if not enabled:
        return Issue(NAME, Level.OK, "switched off: each instance asks its venue by itself")
    if host.supervisor_answers() and any(_needs(host, name) for name in host.names()):
        what = "none answers, and instances trade at an exchange"
        return Issue(NAME, Level.WARNING, what, _WHY, f"tail {host.run / 'feed.log'}")
    return Issue(NAME, Level.OK, "none runs")


def _needs(host: Host, name: str) -> bool:
    try:
        return load_instance(host.instances / name).venue.name not in _OWN
    except ConfigError:
        return False
