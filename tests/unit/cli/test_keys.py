from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from investbot.adapters.storage.secrets import get_secrets
from investbot.adapters.storage.vault import Vault
from investbot.cli.keyfile import parse_keys
from investbot.domain.errors import DataError
from tests.unit.cli.conftest import PASSPHRASE, Cli

CANARY = "canary-secret-0123456789"


def stored(folder: Path, name: str) -> dict[str, str]:
    vault = Vault.unlock(folder / "home/vault.json", PASSPHRASE)
    return get_secrets(folder / f"home/instances/{name}/ledger.db", vault.data_key(name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"apiKey": "a", "secret": "b"}', {"apiKey": "a", "secret": "b"}),
        ("apiKey=a\n# a comment\n\nsecret = b=c \n", {"apiKey": "a", "secret": "b=c"}),
        (json.dumps(list(range(64))), {"keypair": json.dumps(list(range(64)), separators=(",", ":"))}),
        ('{"keypair": "base58"}', {"keypair": "base58"}),
    ],
)
def test_keys_as_json_or_lines(text: str, expected: dict[str, str]) -> None:
    assert parse_keys(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"apiKey": ',
        '{"apiKey": 5}',
        f'{{"apikey": "{CANARY}"}}',
        "apiKey=",
        CANARY,
        "[1, 2]",
        json.dumps([300] * 64),
    ],
)
def test_other_text_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(DataError) as refused:
        parse_keys(text)
    assert CANARY not in str(refused.value)


def test_keys_go_into_the_instances_own_store_and_out_again(cli: Cli, folder: Path) -> None:
    (folder / "keys.json").write_text(json.dumps({"apiKey": "public", "secret": CANARY}), encoding="utf-8")
    result = cli("keys", "set", "alpha", "--from", "keys.json")
    assert result.code == 0
    assert CANARY not in result.out + result.err
    assert "delete it" in result.err
    assert stored(folder, "alpha") == {"apiKey": "public", "secret": CANARY}
    assert stored(folder, "beta") == {}
    checked = cli("keys", "check", "alpha", "--json")
    assert [row["key"] for row in checked.json["keys"]] == ["apiKey", "secret"]
    assert [checked.json[right] for right in ("trade", "withdraw", "ip_restricted")] == [None] * 3
    assert CANARY not in checked.out
    assert cli("keys", "forget", "alpha").code == 64
    assert cli("keys", "forget", "alpha", "--yes", "--json").json == {"name": "alpha", "forgotten": 2}
    assert stored(folder, "alpha") == {}
    for path in (folder / "home").rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


def test_keys_from_stdin(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"apiKey=a\nsecret=b\n"), isatty=lambda: False))
    assert cli("keys", "set", "alpha", "--from", "-", "--json").json == {"name": "alpha", "set": ["apiKey", "secret"]}
    assert stored(folder, "alpha") == {"apiKey": "a", "secret": "b"}


def test_keys_asked_for_on_a_terminal(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    typed = {"apiKey (empty: none): ": "a", "secret (empty: none): ": "b"}
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed.get(prompt, ""))
    assert cli("keys", "set", "alpha").code == 0
    assert stored(folder, "alpha") == {"apiKey": "a", "secret": "b"}
    typed.clear()
    assert cli("keys", "set", "alpha").code == 64


def test_keys_that_cannot_be_had(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    assert cli("keys", "set", "alpha").code == 64
    assert cli("keys", "set", "alpha", "--from", "none.json").code == 65
    (folder / "binary").write_bytes(b"\xff\xfe")
    assert cli("keys", "set", "alpha", "--from", "binary").code == 65
    assert cli("keys", "set", "nope", "--from", "binary").code == 66


def test_check_says_what_is_missing_or_not_needed(cli: Cli, folder: Path) -> None:
    empty = cli("keys", "check", "alpha")
    assert (empty.code, empty.out) == (0, "")
    assert "investbot keys set alpha" in empty.err
    (folder / "keys").write_text("apiKey=a\n", encoding="utf-8")
    cli("keys", "set", "alpha", "--from", "keys")
    assert "does not use them" in cli("keys", "check", "alpha").err
    settings = folder / "home/instances/alpha/instance.toml"
    text = settings.read_text(encoding="utf-8").replace('mode = "paper"', 'mode = "live"')
    settings.write_text(text.replace('name = "synthetic"', 'name = "binance"'), encoding="utf-8")
    refused = cli("keys", "check", "alpha")
    assert refused.code == 77
    assert "no apiKey with its secret" in refused.err
    assert "investbot keys set alpha" in refused.err


def test_keys_are_exchanged_on_paper_without_asking_anybody(cli: Cli, folder: Path) -> None:
    (folder / "old").write_text("apiKey=old-public-key-0001\nsecret=old-canary\npassword=x1y2z3\n", encoding="utf-8")
    (folder / "new").write_text(f"apiKey=new-public-key-0002\nsecret={CANARY}\n", encoding="utf-8")
    cli("keys", "set", "alpha", "--from", "old")
    result = cli("keys", "rotate", "alpha", "--from", "new")
    assert result.code == 0
    assert "Delete the old key old-…0001 on the venue's own page now" in result.out
    assert "delete it" in result.err
    assert CANARY not in result.out + result.err
    assert stored(folder, "alpha") == {"apiKey": "new-public-key-0002", "secret": CANARY}
    told = cli("keys", "rotate", "alpha", "--from", "old", "--json").json
    assert told == {
        "name": "alpha",
        "set": ["apiKey", "password", "secret"],
        "same_account": None,
        "proved": True,
    }
    audit = (folder / "home/run/audit.jsonl").read_text(encoding="utf-8")
    assert "keys rotate" in audit
    assert CANARY not in audit
