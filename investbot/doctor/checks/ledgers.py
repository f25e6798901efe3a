"""Every ledger opens, its pages are whole, and what is derived from its events agrees with them."""

from __future__ import annotations

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import InvestBotError, Locked

NAME = "ledgers"
_PENDING = "has the older schema"
"""What an inspection says of a ledger that an older program wrote last."""


def check(host: Host) -> list[Issue]:
    """Have every ledger looked over with its key; one that does not open does not hide the others."""
    names = host.names()
    if not names:
        return [Issue(NAME, Level.OK, "there are no instances")]
    if host.inspect_ledger is None:
        return [_unseen(names)]
    found: list[Issue] = []
    for name in names:
        try:
            sentences = host.inspect_ledger(name)
        except Locked:
            return [_unseen(names)]
        except InvestBotError as error:
            sentences = [str(error)]
        pending = [sentence for sentence in sentences if _PENDING in sentence]
        if pending:
            found.append(_migration(name, pending[0]))
            continue
        why = f"{name} cannot trade without a whole ledger, and its figures cannot be trusted"
        found += [
            Issue(NAME, Level.ERROR, f"{name}: {sentence.rstrip('.')}", why, f"investbot stop {name}")
            for sentence in sentences
        ]
    return found or [Issue(NAME, Level.OK, f"{len(names)} are whole and agree with their events")]


def _migration(name: str, sentence: str) -> Issue:
    why = "its next start brings it up to date, after a verified copy of it"
    return Issue("migrations", Level.WARNING, f"{name}: {sentence.partition(';')[0]}", why, f"investbot migrate {name}")


def _unseen(names: list[str]) -> Issue:
    what = f"{len(names)} not looked at without the passphrase"
    return Issue(NAME, Level.WARNING, what, "damage would go unnoticed", "investbot doctor --passphrase-file FILE")
