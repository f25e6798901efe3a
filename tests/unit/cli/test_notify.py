"""`investbot notify` against a Discord on loopback."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from investbot.adapters.storage.vault import Vault
from investbot.supervisor.route_health import RouteHealth, write_health
from tests.fakes.discord import TOKEN, Discord, Reply, discord
from tests.unit.cli.conftest import PASSPHRASE, Cli


@pytest.fixture
def server() -> Iterator[Discord]:
    with discord() as server:
        yield server


def stored(folder: Path, name: str) -> str | None:
    return Vault.unlock(folder / "home/vault.json", PASSPHRASE).secret_get(name)


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text.encode()), isatty=lambda: False))


def test_an_address_goes_into_the_vault_and_nowhere_else(cli: Cli, folder: Path, server: Discord) -> None:
    (folder / "hook").write_text(f"{server.url}\n", encoding="utf-8")
    done = cli("notify", "set", "discord", "--from", "hook")
    assert (done.code, done.out) == (
        0,
        "Notices of the fleet go to 127.0.0.1 from now on; try it: `investbot notify test`.\n",
    )
    assert "delete it" in done.err
    assert stored(folder, "discord") == server.url
    for path in (folder / "home").rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()
    assert TOKEN not in done.out + done.err + cli("audit", "--json").out + cli("vault", "status", "--json").out


def test_an_instance_can_have_its_own(cli: Cli, folder: Path, server: Discord, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, server.url)
    done = cli("notify", "set", "discord", "--instance", "alpha", "--from", "-", "--json")
    assert done.json == {"channel": "discord", "instance": "alpha", "host": "127.0.0.1"}
    assert done.err == ""
    assert (stored(folder, "discord/alpha"), stored(folder, "discord")) == (server.url, None)
    assert cli("notify", "set", "discord", "--instance", "nobody", "--from", "hook").code == 66
    assert cli("notify", "test", "--instance", "alpha", "--json").json["instance"] == "alpha"
    assert server.taken[0].body["embeds"][0]["footer"]["text"] == "alpha · InvestBot"
    assert cli("notify", "test", "--instance", "beta").code == 78
    assert cli("remove", "alpha", "--yes").code == 0
    assert stored(folder, "discord/alpha") is None


@pytest.mark.parametrize("text", ["", f"https://evil.test/{TOKEN}", "x" * 9000])
def test_another_text_is_refused_without_being_repeated(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    give(monkeypatch, text)
    refused = cli("--debug", "notify", "set", "discord", "--from", "-")
    assert refused.code == 65
    assert "no address" in refused.err
    assert TOKEN not in refused.err
    assert stored(folder, "discord") is None


def test_a_file_that_cannot_be_read_is_told(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("notify", "set", "discord", "--from", "nowhere").code == 65
    (folder / "binary").write_bytes(b"\xff\xfe\xff")
    assert cli("notify", "set", "discord", "--from", "binary").code == 65
    give(monkeypatch, "")
    assert cli("notify", "set", "discord").code == 64


def test_an_address_can_be_typed_unseen(
    cli: Cli, folder: Path, server: Discord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("getpass.getpass", lambda _: server.url)
    assert cli("notify", "set", "discord").code == 0
    assert stored(folder, "discord") == server.url


@pytest.fixture
def ready(cli: Cli, folder: Path, server: Discord) -> Cli:
    (folder / "hook").write_text(server.url, encoding="utf-8")
    assert cli("notify", "set", "discord", "--from", "hook").code == 0
    return cli


def test_a_test_arrives(ready: Cli, server: Discord) -> None:
    done = ready("notify", "test")
    assert (done.code, done.out) == (0, "127.0.0.1 has taken a message for the fleet.\n")
    assert server.titles == ["InvestBot can reach you"]
    assert ready("notify", "test", "discord", "--json").json == {
        "channel": "discord",
        "instance": None,
        "host": "127.0.0.1",
        "sent": True,
    }


@pytest.mark.parametrize(
    ("status", "code", "words"), [(404, 77, "notify set discord"), (429, 75, "again later"), (400, 65, "(400)")]
)
def test_what_went_wrong_is_said(ready: Cli, server: Discord, status: int, code: int, words: str) -> None:
    server.replies.append(Reply(status))
    failed = ready("notify", "test")
    assert failed.code == code
    assert words in failed.err
    assert TOKEN not in failed.err


def test_without_an_address_there_is_nothing_to_try(cli: Cli, folder: Path) -> None:
    assert cli("notify", "test").code == 78
    Vault.unlock(folder / "home/vault.json", PASSPHRASE).secret_set("discord", "nonsense")
    assert "store it again" in cli("notify", "test").err


def test_the_base_can_be_another(cli: Cli, folder: Path, server: Discord, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, f"https://discord.com/api/webhooks/12/{TOKEN}")
    assert cli("notify", "set", "discord", "--from", "-").code == 0
    with (folder / "home/investbot.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[news]\ndiscord_base = "http://127.0.0.1:{server.port}"\n')
    assert cli("notify", "test").code == 0
    assert server.taken[0].path == f"/api/webhooks/12/{TOKEN}?wait=true"


def test_the_list_shows_how_each_fares_and_asks_no_passphrase(
    ready: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INVESTBOT_PASSPHRASE_FILE")
    assert ready("notify", "list", "--json").json == [
        {
            "channel": "discord",
            "instance": None,
            "host": None,
            "state": "set",
            "sent": 0,
            "waiting": 0,
            "last_sent_at": None,
            "error": None,
        }
    ]
    path = folder / "home/run/notices.json"
    for health, state in (
        (RouteHealth("m", "h", sent=3, last_sent_at=0), "ok"),
        (RouteHealth("m", "h", why="No answer.", waiting=4), "failing"),
        (RouteHealth("m", "h", refused=True, why="Gone."), "refused"),
    ):
        write_health(path, {"": health}, 0)
        (row,) = ready("notify", "list", "--json").json
        assert (row["state"], row["error"], row["sent"], row["waiting"]) == (
            state,
            health.why or None,
            health.sent,
            health.waiting,
        )
        assert row["last_sent_at"] == ("1970-01-01T00:00:00Z" if health.sent else None)


def test_an_address_can_be_forgotten(ready: Cli, folder: Path) -> None:
    assert ready("notify", "forget", "discord").code == 64
    done = ready("notify", "forget", "discord", "--yes", "--json")
    assert done.json == {"channel": "discord", "instance": None}
    assert stored(folder, "discord") is None
    assert "No address is stored" in ready("notify", "list").err + ready("notify", "list").out
    lines = (folder / "home/run/audit.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["verb"] for line in lines][-2:] == ["notify set", "notify forget"]
    assert (folder / "home/vault.json").stat().st_mode & 0o777 == 0o600
