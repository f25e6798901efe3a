"""Every error an operator can meet: an exit code and one sentence that says what to do."""

from __future__ import annotations

from typing import ClassVar


class InvestBotError(Exception):
    """Root of all errors the program raises on purpose; its text is one sentence for a human."""

    exit_code: ClassVar[int] = 70


class UsageError(InvestBotError):
    """The command was put wrongly."""

    exit_code = 64


class DataError(InvestBotError):
    """Market data or another input file cannot be trusted."""

    exit_code = 65


class UnknownInstance(InvestBotError):
    """No instance has that name."""

    exit_code = 66


class SupervisorDown(InvestBotError):
    """The verb needs a supervisor and none answers."""

    exit_code = 69


class AlreadyExists(InvestBotError):
    """A thing of that name is there already."""

    exit_code = 73


class TryAgain(InvestBotError):
    """Something is busy or cooling down; the same call may succeed later."""

    exit_code = 75


class ConfigError(InvestBotError):
    """A file an operator writes is wrong; nothing is retried until it is edited."""

    exit_code = 78


class VaultError(InvestBotError):
    """The vault is locked, the passphrase is wrong, or a key does not fit."""

    exit_code = 77


class Locked(VaultError):
    """There is no passphrase to be had; nothing is broken."""


class WrongPassphrase(Locked):
    """The passphrase does not open the vault."""


class LedgerError(InvestBotError):
    """The ledger cannot be read or written; without a ledger there is no trading."""

    exit_code = 74


class BackupError(InvestBotError):
    """A backup cannot be made, checked or copied; what was there before is untouched."""

    exit_code = 74


class InvariantError(InvestBotError):
    """A bug of ours or corrupt data: stop rather than trade on."""

    exit_code = 70


class VenueError(InvestBotError):
    """A venue refused, failed or did not answer."""

    exit_code = 75


class VenueUnavailable(VenueError):
    """The venue does not answer; the instance stays up with entries paused."""


class RateLimited(VenueError):
    """The venue asks for patience."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        """Keep `retry_after_s`, the seconds to wait before the next request."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OrderRejected(VenueError):
    """The venue refused one order; an event, never a crash."""


class NoStopsHere(OrderRejected):
    """No stop can rest in this market of the venue; the instance has to keep it."""


class OutcomeUnknown(VenueError):
    """Nobody knows whether the request took effect: reconcile, never repeat blindly."""


class AuthFailed(VenueError):
    """The venue does not accept the key."""

    exit_code = 77
