"""What the world outside says: taken in once, kept within bounds, and no entry against it where the profile says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from investbot.analysis.intelligence import Outlook, outlook
from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.intelligence import (
    IntelligenceHeard,
    IntelligenceItem,
    IntelligenceRefused,
    timely,
    unfit,
)
from investbot.domain.market import Millis

KEPT_ITEMS = 64
"""Items of one source that count at a time: the newest ones."""
KEPT_SOURCES = 32
"""Sources that are listened to at a time."""

Heard = dict[str, dict[str, IntelligenceItem]]
"""Items by source and id."""


@dataclass(frozen=True, slots=True)
class Veto:
    """Outlooks (-1..1) with which nothing is entered: under `below`, over `above`; None for no such bound."""

    below: float | None = None
    above: float | None = None

    def refuses(self, seen: Outlook) -> float | None:
        """Give the bound that an outlook is beyond, None where it is beyond none."""
        if self.below is not None and seen.value < self.below:
            return self.below
        if self.above is not None and seen.value > self.above:
            return self.above
        return None


NO_VETO = Veto()


def conclude(heard: Heard, fact: f.Intelligence | f.IntelligenceFailed) -> Iterator[e.Event]:
    """Take in what is news, in its order; each event is applied before the next one is asked for.

    An item counts once, from when it was received; one of the future, one that is over, and more than is kept of one
    source change nothing.
    """
    if isinstance(fact, f.IntelligenceFailed):
        yield IntelligenceRefused(fact.at, fact.source, fact.reason)
        return
    for item in fact.items:
        if item.item_id in heard.get(item.source, {}) or item.expires_at <= fact.at:
            continue
        flaw = unfit(item) or timely(item, fact.at)
        if flaw is not None:
            yield IntelligenceRefused(fact.at, item.source, flaw)
        elif _has_room(heard, item, fact.at):
            yield IntelligenceHeard(fact.at, item)


def keep(heard: Heard, item: IntelligenceItem, at: Millis) -> None:
    """Keep an item, and forget what has expired and what is too much of its source, the oldest first."""
    for source in list(heard):
        kept = {name: each for name, each in heard[source].items() if each.expires_at > at}
        if kept:
            heard[source] = kept
        else:
            del heard[source]
    own = heard.setdefault(item.source, {})
    own[item.item_id] = item
    if len(own) > KEPT_ITEMS:
        del own[min(own, key=lambda name: own[name].published_at)]


def seen_by(heard: Heard, symbol: str, at: Millis) -> Outlook | None:
    """Weigh all that is known about `symbol` at a moment (milliseconds UTC); None where nothing counts."""
    return outlook((item for kept in heard.values() for item in kept.values()), symbol, at) if heard else None


def vetoed(heard: Heard, veto: Veto, signal: e.SignalRaised) -> e.IntentDenied | None:
    """Refuse an entry against the outlook; where nothing is known nothing is refused."""
    seen = seen_by(heard, signal.symbol, signal.at)
    bound = None if seen is None else veto.refuses(seen)
    if seen is None or bound is None:
        return None
    side = "below" if seen.value < bound else "above"
    reason = f"The outlook is {side} the bound of the profile. {seen.evidence}."
    return e.IntentDenied(
        signal.at, signal.signal_id, signal.symbol, "intelligence", reason, f"{seen.value:.4f}", f"{bound:g}"
    )


def _has_room(heard: Heard, item: IntelligenceItem, at: Millis) -> bool:
    """Tell whether an item would be kept: of a full source only what is newer than its oldest one."""
    own = [each for each in heard.get(item.source, {}).values() if each.expires_at > at]
    if not own:
        others = sum(1 for kept in heard.values() if any(each.expires_at > at for each in kept.values()))
        return others < KEPT_SOURCES
    return len(own) < KEPT_ITEMS or item.published_at > min(each.published_at for each in own)
