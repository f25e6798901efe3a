"""API keys in the instance's own file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from investbot.adapters.storage import migrate
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.secrets import (
    exchange_secrets,
    forget_previous,
    forget_secrets,
    get_secrets,
    secret_names,
    set_secrets,
    take_back,
)
from investbot.domain.errors import LedgerError
from tests.unit.adapters.storage.samples import KEY, Story


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    SqlcipherLedger.create(path, KEY, instance="alpha").close()
    return path


def test_secrets_are_set_named_read_replaced_and_forgotten(path: Path) -> None:
    assert (get_secrets(path, KEY), secret_names(path, KEY)) == ({}, {})
    set_secrets(path, KEY, {"secret": "s", "apiKey": "k"}, at=5)
    set_secrets(path, KEY, {"apiKey": "k2"}, at=6)
    assert get_secrets(path, KEY) == {"apiKey": "k2", "secret": "s"}
    assert secret_names(path, KEY) == {"apiKey": 6, "secret": 5}
    assert forget_secrets(path, KEY) == 2
    assert forget_secrets(path, KEY) == 0
    assert get_secrets(path, KEY) == {}


def opened_pages(path: Path) -> bytes:
    """Decrypt every page as the file format says: AES-256-CBC with the raw key, the IV 80 bytes before the end."""
    raw, pages = path.read_bytes(), []
    for start in range(0, len(raw), 4096):
        page = raw[start : start + 4096]
        cipher = Cipher(algorithms.AES(KEY), modes.CBC(page[-80:-64])).decryptor()
        pages.append(cipher.update(page[16 if start == 0 else 0 : -80]))
    return b"".join(pages)


def test_what_was_forgotten_is_not_even_under_the_encryption(path: Path) -> None:
    set_secrets(path, KEY, {"apiKey": "canary-one", "secret": "canary-two"}, at=1)
    assert b"canary-one" in opened_pages(path)
    set_secrets(path, KEY, {"apiKey": "fresh"}, at=2)
    assert b"canary-one" not in opened_pages(path)
    forget_secrets(path, KEY)
    assert b"canary-two" not in opened_pages(path)


FAMILY = ("apiKey", "secret", "password")


def test_secrets_of_a_family_change_places_with_new_ones_and_back(path: Path) -> None:
    set_secrets(path, KEY, {"apiKey": "k1", "secret": "s1", "password": "p1", "news": "n"}, at=1)
    exchange_secrets(path, KEY, {"apiKey": "k2", "secret": "s2"}, FAMILY, at=2)
    assert get_secrets(path, KEY) == {
        "apiKey": "k2",
        "secret": "s2",
        "news": "n",
        "previous.apiKey": "k1",
        "previous.secret": "s1",
        "previous.password": "p1",
    }
    assert secret_names(path, KEY)["previous.apiKey"] == 1
    assert take_back(path, KEY, FAMILY)
    assert get_secrets(path, KEY) == {"apiKey": "k1", "secret": "s1", "password": "p1", "news": "n"}
    assert not take_back(path, KEY, FAMILY)
    assert get_secrets(path, KEY) == {"apiKey": "k1", "secret": "s1", "password": "p1", "news": "n"}


def test_previous_ones_are_overwritten_when_they_are_forgotten(path: Path) -> None:
    set_secrets(path, KEY, {"apiKey": "canary-one", "secret": "canary-two"}, at=1)
    exchange_secrets(path, KEY, {"apiKey": "canary-three"}, FAMILY, at=2)
    assert b"canary-two" in opened_pages(path)
    assert forget_previous(path, KEY) == 2
    assert forget_previous(path, KEY) == 0
    pages = opened_pages(path)
    assert [word in pages for word in (b"canary-one", b"canary-two", b"canary-three")] == [False, False, True]
    assert get_secrets(path, KEY) == {"apiKey": "canary-three"}


def test_an_exchange_that_fails_changes_nothing(path: Path) -> None:
    set_secrets(path, KEY, {"apiKey": "k1", "secret": "s1"}, at=1)
    broken: dict[str, str] = {"apiKey": "k2", "secret": None}  # type: ignore[dict-item]
    with pytest.raises(LedgerError):
        exchange_secrets(path, KEY, broken, FAMILY, at=2)
    assert get_secrets(path, KEY) == {"apiKey": "k1", "secret": "s1"}


def test_all_of_them_are_kept_or_none(path: Path) -> None:
    broken: dict[str, str] = {"apiKey": "k", "secret": None}  # type: ignore[dict-item]
    with pytest.raises(LedgerError):
        set_secrets(path, KEY, broken, at=1)
    assert get_secrets(path, KEY) == {}


def test_they_can_be_changed_while_the_instance_runs_and_reads(path: Path) -> None:
    with closing(SqlcipherLedger.open(path, KEY)) as ledger, closing(SqlcipherReader.open(path, KEY)) as reader:
        story = Story(3)
        ledger.append(*story.batch())
        set_secrets(path, KEY, {"apiKey": "k"}, at=1)
        ledger.append(*story.batch())
        assert get_secrets(path, KEY) == {"apiKey": "k"}
        assert forget_secrets(path, KEY) == 1
        assert "apiKey" not in str(reader.snapshot()) + str(list(reader.events()))


def test_a_ledger_from_before_secrets_is_brought_up_to_date(path: Path) -> None:
    migrate.migrate(path, KEY, 1)
    set_secrets(path, KEY, {"apiKey": "k"}, at=1)
    assert get_secrets(path, KEY) == {"apiKey": "k"}
