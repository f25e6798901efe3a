"""The way to the keys is hard for others to guess, and there is a second one for the owner."""

from __future__ import annotations

import shlex

from investbot.doctor.host import Host
from investbot.doctor.issue import Issue, Level
from investbot.domain.errors import VaultError

NAME = "vault"


def check(host: Host) -> list[Issue]:
    """Judge the passphrase where it is known, and look for a recovery key and for rotations that were cut off."""
    try:
        state = host.vault_state()
    except VaultError:  # the check of orphans tells
        return []
    found: list[Issue] = []
    if state.weak_bits is not None:
        what = f"the passphrase is guessed easily (about {state.weak_bits:.0f} bits)"
        why = "whoever copies the home can try passphrases as fast as his machines allow"
        found.append(Issue(NAME, Level.WARNING, what, why, "investbot vault passphrase"))
    if state.passphrase_file is not None and state.passphrase_file.is_relative_to(host.home.resolve()):
        what = f"the passphrase lies in the home: {state.passphrase_file}"
        why = "whoever copies the home has the key to it as well"
        fix = f"mv {shlex.quote(str(state.passphrase_file))} ELSEWHERE"
        found.append(Issue(NAME, Level.WARNING, what, why, fix))
    if not state.recovery_key:
        fix = "investbot vault recovery-key" if state.version > 1 else "investbot vault passphrase"
        found.append(Issue(NAME, Level.WARNING, "there is no recovery key", "a forgotten passphrase is the end", fix))
    found += [
        Issue(
            NAME,
            Level.ERROR,
            f"a rotation of the key of {name} could not be ended",
            "its ledger, or a file that was kept beside it, does not open under the right one",
            f"investbot vault rotate {shlex.quote(name)}",
        )
        for name in state.rotating
    ]
    return found or [Issue(NAME, Level.OK, "the passphrase is good and there is a recovery key")]
