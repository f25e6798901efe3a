"""Other API keys in the place of an instance's own: what is asked, when the old ones go, and when they come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.secrets import get_secrets, set_secrets
from investbot.bootstrap import key_exchange
from investbot.bootstrap.account import Account
from investbot.bootstrap.home import Home
from investbot.bootstrap.key_exchange import Exchanged, exchange_keys, shortened
from investbot.config.instance import new_instance
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.domain.errors import AuthFailed, ConfigError, InvestBotError, VaultError, VenueUnavailable
from investbot.ports.trading import KeyRights

KEY = bytes(range(32))
OLD = {"apiKey": "old-public-key-0001", "secret": "old-secret", "password": "old-word"}
NEW = {"apiKey": "new-public-key-0002", "secret": "new-secret"}
OTHER = {"intelligence.news": "kept"}
SAFE = KeyRights(trade=True, withdraw=False, ip_restricted=True)


def account(free: str = "500", own: tuple[str, ...] = (), rights: KeyRights = SAFE) -> Account:
    return Account(rights, Decimal(free), "USDT", own)


class Venue:
    """Says of each key what the test wants, and notes who asked."""

    def __init__(self) -> None:
        self.says: dict[str, list[Account | InvestBotError]] = {}
        self.asked: list[str] = []

    def ask(self, place: Home, name: str, key: bytes, keys: Mapping[str, str]) -> Account:
        public = keys["apiKey"]
        self.asked.append(public)
        answers = self.says.get(public) or [account()]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(found, InvestBotError):
            raise found
        return found


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Venue:
    venue = Venue()
    monkeypatch.setattr(key_exchange, "ask_with", venue.ask)
    monkeypatch.setattr(
        key_exchange,
        "ask_venue",
        lambda place, name, key: venue.ask(place, name, key, get_secrets(place.instance(name).ledger, key)),
    )
    return venue


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.ensure()
    for name, mode in (("alpha", "live"), ("paper", "paper")):
        folder = home.instance(name)
        folder.ensure()
        profile = Profile.model_validate({"venue": {"name": "binance", "mode": mode}})
        save(folder.path, new_instance(name, profile, "p", Decimal(500), 0), 0, "me", "create")
        SqlcipherLedger.create(folder.ledger, KEY, instance=name).close()
        set_secrets(folder.ledger, KEY, OLD | OTHER, 1)
    return home


def stored(home: Home, name: str = "alpha") -> dict[str, str]:
    return get_secrets(home.instance(name).ledger, KEY)


def exchange(
    home: Home, restart: Callable[[], None] | None = None, *, runs: bool = False, name: str = "alpha"
) -> Exchanged:
    return exchange_keys(home, name, KEY, NEW, 2, restart, runs=runs)


def test_a_stopped_instance_gets_its_keys_once_they_are_good(home: Home, venue: Venue) -> None:
    told = exchange(home)
    assert told == Exchanged(same_account=True, proved=True, restarted=False, old="old-…0001")
    assert stored(home) == NEW | OTHER
    assert venue.asked == [NEW["apiKey"], OLD["apiKey"], NEW["apiKey"]]


def test_a_running_instance_is_started_anew_and_the_old_keys_are_there_until_it_trades(
    home: Home, venue: Venue
) -> None:
    seen: list[dict[str, str]] = []
    told = exchange(home, lambda: seen.append(stored(home)), runs=True)
    previous = {f"previous.{name}": value for name, value in OLD.items()}
    assert seen == [NEW | OTHER | previous]
    assert stored(home) == NEW | OTHER
    assert (told.proved, told.restarted) == (True, True)


def test_where_nobody_can_restart_it_the_old_keys_are_kept(home: Home, venue: Venue) -> None:
    told = exchange(home, runs=True)
    assert (told.proved, told.restarted) == (False, False)
    assert stored(home)["previous.secret"] == "old-secret"
    assert stored(home)["secret"] == "new-secret"


def test_on_paper_nobody_is_asked(home: Home, venue: Venue) -> None:
    told = exchange(home, runs=True, name="paper")
    assert told == Exchanged(same_account=None, proved=True, restarted=False, old="old-…0001")
    assert venue.asked == []
    assert stored(home, "paper") == NEW | OTHER


@pytest.mark.parametrize(
    ("says", "error", "match"),
    [
        ([AuthFailed("no such key")], AuthFailed, "no such key"),
        ([VenueUnavailable("gone")], VenueUnavailable, "gone"),
        ([account(rights=KeyRights(False, False, None))], AuthFailed, "may not trade"),
        ([account(rights=KeyRights(True, True, None))], AuthFailed, "may withdraw"),
        ([account("499")], ConfigError, "of another account: 499 USDT are free there, not 500"),
        ([account("500", ("BTC/USDT 7",))], ConfigError, "its orders are not the same"),
    ],
)
def test_a_new_key_that_is_not_right_changes_nothing(
    home: Home, venue: Venue, says: list[Account | InvestBotError], error: type[Exception], match: str
) -> None:
    venue.says[NEW["apiKey"]] = says
    before = stored(home)
    with pytest.raises(error, match=match):
        exchange(home, lambda: pytest.fail("restarted"), runs=True)
    assert stored(home) == before


def test_a_fill_between_two_looks_does_not_make_two_accounts(home: Home, venue: Venue) -> None:
    venue.says[OLD["apiKey"]] = [account("480")]
    venue.says[NEW["apiKey"]] = [account("500"), account("480")]
    assert exchange(home).same_account is True


def test_an_old_key_that_was_revoked_cannot_be_compared(home: Home, venue: Venue) -> None:
    venue.says[OLD["apiKey"]] = [AuthFailed("revoked")]
    told = exchange(home)
    assert (told.same_account, told.proved) == (None, True)


def test_two_empty_accounts_may_be_one_or_two(home: Home, venue: Venue) -> None:
    venue.says = {public: [account("0")] for public in (OLD["apiKey"], NEW["apiKey"])}
    assert exchange(home).same_account is None


@pytest.mark.parametrize("refusal", [AuthFailed("refused"), VaultError("refused")])
def test_keys_that_are_refused_after_all_give_their_place_back(
    home: Home, venue: Venue, refusal: InvestBotError
) -> None:
    """The supervisor's answer tells the exit code and not the class."""
    runs_with: list[str] = []

    def restart() -> None:
        runs_with.append(stored(home)["apiKey"])
        if runs_with[-1] == NEW["apiKey"]:
            raise refusal

    before = stored(home)
    with pytest.raises(AuthFailed, match=r"refused The old key is in its place again and serves\."):
        exchange(home, restart, runs=True)
    assert runs_with == [NEW["apiKey"], OLD["apiKey"]]
    assert stored(home) == before


def test_the_old_keys_that_do_not_serve_either_are_told_of(home: Home, venue: Venue) -> None:
    before = stored(home)

    def restart() -> None:
        raise AuthFailed("refused.")

    with pytest.raises(AuthFailed, match=r"refused\. The old key is in its place again, but: refused\."):
        exchange(home, restart, runs=True)
    assert stored(home) == before


def test_keys_that_a_start_proved_are_not_given_back(home: Home, venue: Venue) -> None:
    from investbot.adapters.storage.secrets import forget_previous

    def restart() -> None:
        forget_previous(home.instance("alpha").ledger, KEY)
        raise AuthFailed("refused for another reason")

    with pytest.raises(AuthFailed, match="another reason"):
        exchange(home, restart, runs=True)
    assert stored(home) == NEW | OTHER


def test_a_venue_that_is_away_proves_nothing_and_both_keys_stay(home: Home, venue: Venue) -> None:
    def restart() -> None:
        raise VenueUnavailable("away")

    told = exchange(home, restart, runs=True)
    assert (told.proved, told.restarted) == (False, False)
    assert {"apiKey", "previous.apiKey"} <= stored(home).keys()


def test_another_exchange_ends_the_one_before(home: Home, venue: Venue) -> None:
    exchange(home, runs=True)
    third = {"apiKey": "third-public-key-3", "secret": "third"}
    told = exchange_keys(home, "alpha", KEY, third, 3, None, runs=True)
    assert stored(home) == third | OTHER | {f"previous.{name}": value for name, value in NEW.items()}
    assert told.old == "new-…0002"


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ({}, ""),
        ({"apiKey": "short"}, ""),
        ({"walletAddress": "0123456789abcdef"}, "0123…cdef"),
        ({"secret": "x" * 40}, ""),
    ],
)
def test_only_the_ends_of_the_public_part_are_shown(keys: dict[str, str], shown: str) -> None:
    assert shortened(keys) == shown


def test_the_first_good_answer_of_the_venue_forgets_the_old_keys(
    home: Home, venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is for an instance that nobody could restart: its next start, or `keys check`, asks with the new ones."""
    from investbot.bootstrap import account as accounts

    exchange(home, runs=True)
    monkeypatch.setattr(accounts, "ask_with", lambda *given, **_: venue.ask(*given))
    venue.says[NEW["apiKey"]] = [VenueUnavailable("away"), account()]
    with pytest.raises(VenueUnavailable):
        accounts.ask_venue(home, "alpha", KEY)
    assert "previous.secret" in stored(home)
    accounts.ask_venue(home, "alpha", KEY)
    assert stored(home) == NEW | OTHER
