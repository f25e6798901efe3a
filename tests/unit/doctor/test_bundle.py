from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from investbot.doctor.bundle import TAIL, redacted, write_bundle
from investbot.doctor.issue import Issue, Level
from tests.unit.doctor.builders import make_file, make_home, make_host, make_instance

ISSUE = Issue("disk", Level.ERROR, "full", "it stops", "make room")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = make_home(tmp_path)
    folder = make_instance(made, "alpha")
    (folder / "logs").mkdir(mode=0o700)
    make_file(folder / "logs" / "instance.log", '{"event": "started"}\n')
    make_file(made / "run" / "audit.jsonl", '{"verb": "start"}\n')
    return made


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            member.name: (archive.extractfile(member) or pytest.fail("a folder")).read().decode() for member in archive
        }


def test_a_bundle_holds_findings_settings_and_logs_and_no_vault(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    make_file(home / "vault.json", "canary")
    make_file(home / "instances" / "alpha" / "ledger.db", "canary")
    names = write_bundle(file, make_host(home), [ISSUE])
    held = contents(file)
    assert names == list(held) == [
        "doctor.json",
        "investbot.toml",
        "run/audit.jsonl",
        "instances/alpha/instance.toml",
        "instances/alpha/logs/instance.log",
    ]  # fmt: skip
    assert json.loads(held["doctor.json"]) == [
        {"check": "disk", "level": "error", "what": "full", "why": "it stops", "fix": "make room"}
    ]
    assert 'name = "alpha"' in held["instances/alpha/instance.toml"]
    assert "position_fraction = 0.02" in held["instances/alpha/instance.toml"]
    assert held["instances/alpha/logs/instance.log"] == '{"event": "started"}\n'
    assert "canary" not in "".join(held.values())
    assert file.stat().st_mode & 0o777 == 0o600


def test_nothing_is_overwritten(home: Path, tmp_path: Path) -> None:
    file = make_file(tmp_path / "b.tar.gz", "mine")
    with pytest.raises(FileExistsError):
        write_bundle(file, make_host(home), [])
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_full_disk_leaves_nothing(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(OSError, match="No space"):
        write_bundle(tmp_path / "b.tar.gz", make_host(home), [])
    assert not (tmp_path / "b.tar.gz").exists()


def test_only_the_end_of_a_long_log_is_taken_from_the_beginning_of_a_line(home: Path, tmp_path: Path) -> None:
    log = home / "instances" / "alpha" / "logs" / "instance.log"
    make_file(log, "".join(f"line {number}\n" for number in range(40_000)))
    assert log.stat().st_size > TAIL
    write_bundle(tmp_path / "b.tar.gz", make_host(home), [])
    text = contents(tmp_path / "b.tar.gz")["instances/alpha/logs/instance.log"]
    assert TAIL - 20 < len(text) <= TAIL
    assert text.startswith("line ")
    assert text.endswith("line 39999\n")


def test_known_secrets_are_hidden_wherever_they_stand(home: Path, tmp_path: Path) -> None:
    make_file(home / "run" / "supervisor.log", "x hunter2 y\n")
    issue = Issue("vault", Level.ERROR, "hunter2 is wrong")
    write_bundle(tmp_path / "b.tar.gz", make_host(home), [issue], ["hunter2", ""])
    assert "hunter2" not in "".join(contents(tmp_path / "b.tar.gz").values())


HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f00123456789abcdeffedcba9876543210"
LONG = "aZ9" * 20


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key x'{HEX}'", HEX),
        (f"data_key {HEX.upper()} here", HEX.upper()),
        (f"signed {LONG}== end", LONG),
        ('{"apiKey": "canary1"}', "canary1"),
        ('api_key = "canary1" # x', "canary1"),
        ("secret=canary1", "canary1"),
        ("{'password': 'canary1 with words'}", "canary1 with words"),
        ("passphrase: canary1", "canary1"),
        ("discord_webhook = 'canary1'", "canary1"),
        ("Authorization: Bearer canary1canary1", "canary1"),
        ("sent Bearer canary1.canary1", "canary1"),
        ("proxy http://me:canary1@host:80/", "canary1"),
        ("https://chat.example/api/webhooks/1/canary1", "canary1"),
        ("-----BEGIN PRIVATE" + " KEY-----\ncanary1\n-----END PRIVATE KEY-----", "canary1"),
        ("-----BEGIN EC PRIVATE" + " KEY-----\ncanary1", "canary1"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, secret: str) -> None:
    assert secret in text
    hidden = redacted(text)
    assert "canary" not in hidden
    assert secret not in hidden
    assert "[hidden]" in hidden


@pytest.mark.parametrize(
    "text",
    [
        'position_fraction = 0.02\nname = "alpha"\n',
        '{"order_id": "7-stop-2", "client_order_id": "ibabcdefghijklmnopqrstuv"}',
        "/home/operator/investbot/instances/alpha/logs/instance.log",
        "2026-01-02T03:04:05.678Z the vault is locked",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text
