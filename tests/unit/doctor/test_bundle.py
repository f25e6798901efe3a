from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from investbot.doctor.bundle import TAIL, write_bundle
from investbot.doctor.issue import Issue, Level
from investbot.doctor.redaction import redacted
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


KEYPAIR = list(range(100, 132)) + list(range(200, 232))
PLANTED = {
    "an API key": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "a secret of base64": "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==",
    "a short key": "k3yAb",
    "the passphrase": "correct-horse-battery-staple",
    "a webhook": "https://discord.com/api/v10/webhooks/1187654321/AbC-dEf_123?thread_id=99",
    "an RPC address with a query": "https://mainnet.rpc.example/?api-key=1f2e3d4c-aaaa-bbbb-cccc-0123456789ab",
    "an RPC address with a path": "wss://old-sun.rpc.example/8d7f6e5d4c3b2a1908f7/",
    "a key pair": json.dumps(KEYPAIR),
    "a key pair as text": "5MaiiCavjCmn9Hs1o3eznqDEhRwxo7pXiAYez7keQUviUkauRiTMD8DrESdrNjN8zd9mTmVhRvBJeg5vhyvgrAhG",
    "an age identity": "AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPZRY9X8GF2TVDW0S3JN54KH",
    "a password for mail": "smtps://alarm:hunter2pass@mail.example:465",
    "words of a recovery key": "abandon ability able about above absent absorb abstract absurd abuse access accident",
}
KNOWN = ("a short key", "the passphrase")
"""What looks like nothing: it is hidden because it is known."""


def pieces(secret: str) -> set[str]:
    """Every part of a secret of a dozen characters, but for what an address may tell."""
    told = {"https", "wss", "discord", "mail", "example", "rpc", "webhooks", "api", "alarm", "mainnet", "smtps"}
    words = {word for word in re.split(r"[^A-Za-z0-9]+", secret) if len(word) >= 5}
    return {secret, *words} - told


@pytest.mark.parametrize("kind", PLANTED)
def test_a_secret_that_slipped_in_anywhere_is_in_no_part_of_a_bundle(home: Path, tmp_path: Path, kind: str) -> None:
    secret = PLANTED[kind]
    alpha = home / "instances" / "alpha"
    for path in (
        home / "investbot.toml",
        alpha / "instance.toml",
        alpha / "exit.json",
        alpha / "logs" / "instance.log",
        home / "run" / "audit.jsonl",
        home / "run" / "supervisor.log",
        home / "run" / "supervisor.json",
    ):
        before = path.read_text("utf-8") if path.exists() else ""
        make_file(path, f"{before}\n# {secret}\n{json.dumps({'event': 'x', 'why': f'refused {secret} there'})}\n")
    issue = Issue("feed", Level.ERROR, f"{secret} does not answer", f"why {secret}", f"fix {secret}")
    host = make_host(home, secrets=lambda: [PLANTED[each] for each in KNOWN])
    names = write_bundle(tmp_path / "b.tar.gz", host, [issue])
    told = contents(tmp_path / "b.tar.gz")
    assert len(names) == 8
    for name, text in told.items():
        assert "[hidden]" in text, name
        assert [piece for piece in pieces(secret) if piece in text] == [], name
    assert json.loads(told["doctor.json"])[0]["check"] == "feed"
    assert 'name = "alpha"' in told["instances/alpha/instance.toml"]


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
        ("('X-MBX-APIKEY', 'canary1')", "canary1"),
        ('"X-Api-Key": "canary1"', "canary1"),
        ("curl --s3-secret-access-key canary1 x", "canary1"),
        ('after = ["rclone", "--password-command", "canary1"]', "canary1"),
        ("Set-Cookie: session=canary1; Path=/", "canary1"),
        ("keypair = [1, 2, 3, 77]", "77"),
        ("recovery words: canary1 canary2 canary3", "canary2"),
        ("token eyJhbGciOi.eyJzdWIi.canary1 x", "canary1"),
        ("https://api.example/bot123:canary1-x/send", "canary1"),
        ("https://hooks.example/services/T0/B0/canary1", "canary1"),
        ("http://x.example/#canary1", "canary1"),
        ("http://[canary1", "canary1"),
        ("smtp://me:can@canary1@mail.example", "canary1"),
        (f"0x{HEX} x", HEX),
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


@pytest.mark.parametrize(
    "text",
    [
        '{"at": "2026-11-21T19:44:48.279Z", "event": "started", "fields": {"pid": 21100, "version": 3}}',
        "GET https://api.binance.com/api/v3/exchangeInfo took 31 ms",
        "market.timeframe: 1m -> 5m",
        "1 not looked at without the passphrase",
        "The key of alpha may trade, and not withdraw.",
        "/home/ana/.local/share/investbot/instances/alpha/ledger.db",
        "order 1-entry-1 of BTC/USDT at 64884.08, stop 64203.12",
        "ws://127.0.0.1:8080/ws",
    ],
)
def test_what_is_no_secret_can_still_be_read(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "unit", ["a", "aB9-", "1,", "abc ", "token ", "token-", "--token ", "seed ", "eyJ.", "/aB9", "0x"]
)
def test_no_text_takes_long(unit: str) -> None:
    assert len(redacted(unit * (TAIL // len(unit)))) <= 2 * TAIL
