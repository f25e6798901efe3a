from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from investbot.cli import passphrase
from investbot.cli.passphrase import ask_new_passphrase, find_passphrase, read_passphrase
from investbot.domain.errors import UsageError, VaultError


def ignore(sentence: str) -> None:
    """Take a warning that does not matter here."""


def private(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    file.chmod(0o600)
    return file


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand for somebody at a terminal who types these."""
    typed: list[str] = []
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed.pop(0))
    return typed


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"secret\n", "secret"), (b"secret\r\n", "secret"), (b"secret", "secret"), (b" a b \n\n", " a b \n")],
)
def test_one_newline_at_the_end_does_not_belong(tmp_path: Path, content: bytes, expected: str) -> None:
    assert read_passphrase(private(tmp_path / "p", content), ignore) == expected


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(VaultError, match="is empty"):
        read_passphrase(private(tmp_path / "p", content), ignore)


def test_a_file_that_is_not_text_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="not UTF-8"):
        read_passphrase(private(tmp_path / "p", b"\xff\xfe"), ignore)
    with pytest.raises(VaultError, match="cannot be read"):
        read_passphrase(tmp_path / "none", ignore)


def test_a_file_others_can_read_is_warned_of(tmp_path: Path) -> None:
    said: list[str] = []
    file = private(tmp_path / "p", b"secret")
    read_passphrase(file, said.append)
    assert said == []
    file.chmod(0o640)
    assert read_passphrase(file, said.append) == "secret"
    assert "chmod 600" in said[0]


def test_the_option_wins_over_the_environment_and_that_over_the_credential(tmp_path: Path) -> None:
    option = private(tmp_path / "option", b"option")
    named = private(tmp_path / "named", b"named")
    private(tmp_path / passphrase.CREDENTIAL, b"credential")
    both = {"INVESTBOT_PASSPHRASE_FILE": str(named), "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert find_passphrase(option, tmp_path, both, ignore) == "option"
    assert find_passphrase(None, tmp_path, both, ignore) == "named"
    del both["INVESTBOT_PASSPHRASE_FILE"]
    assert find_passphrase(None, tmp_path, both, ignore) == "credential"


def test_without_any_source_and_terminal_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(VaultError, match="--passphrase-file"):
        find_passphrase(None, tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}, ignore)


def test_the_keyring_is_asked_when_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class LockedError(Exception):
        pass

    stored = {str(tmp_path.resolve()): "ring"}
    ring = SimpleNamespace(
        get_password=lambda service, name: stored.get(name), errors=SimpleNamespace(KeyringError=LockedError)
    )
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: ring)
    assert find_passphrase(None, tmp_path, {}, ignore) == "ring"

    def locked(service: str, name: str) -> str:
        raise LockedError

    ring.get_password = locked
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(VaultError, match="no terminal is"):
        find_passphrase(None, tmp_path, {}, ignore)


def test_a_known_vault_is_asked_for_once(tmp_path: Path, answers: list[str]) -> None:
    answers += ["secret"]
    assert find_passphrase(None, tmp_path, {}, ignore) == "secret"
    answers += [""]
    with pytest.raises(VaultError, match="is empty"):
        find_passphrase(None, tmp_path, {}, ignore)


def test_a_new_vault_is_asked_for_twice(tmp_path: Path, answers: list[str]) -> None:
    answers += ["secret", "secret", "secret", "sceret"]
    assert find_passphrase(None, tmp_path, {}, ignore, new=True) == "secret"
    with pytest.raises(UsageError, match="differ"):
        ask_new_passphrase()


def test_a_credential_is_readable_by_its_access_list_and_not_warned_of(tmp_path: Path) -> None:
    """A service manager gives it to the service's user by an access list, whose mask shows as the group's rights."""
    said: list[str] = []
    private(tmp_path / passphrase.CREDENTIAL, b"sealed to this machine\n").chmod(0o440)
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert find_passphrase(None, tmp_path, given, said.append) == "sealed to this machine"
    assert said == []
    elsewhere = private(tmp_path / "other", b"x")
    elsewhere.chmod(0o440)
    (tmp_path / "deep").mkdir()
    nested = {"CREDENTIALS_DIRECTORY": str(tmp_path / "deep"), "INVESTBOT_PASSPHRASE_FILE": str(elsewhere)}
    assert find_passphrase(None, tmp_path, nested, said.append) == "x"
    assert len(said) == 1
