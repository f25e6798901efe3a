"""API keys in the instance's own file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from investbot.adapters.storage import migrate
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.secrets import forget_secrets, get_secrets, secret_names, set_secrets
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
