"""vault status, passphrase, rotate, recovery-key, recover: what they do, refuse and never say."""

from __future__ import annotations

import fcntl
import io
import re
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from investbot.adapters.storage import key_rotation, vault_sealing, vault_tries
from investbot.adapters.storage.copies import copy_verified
from investbot.adapters.storage.key_rotation import opens, pending
from investbot.adapters.storage.secrets import get_secrets
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_ways import change_passphrase
from investbot.bootstrap.home import Home
from investbot.bootstrap.vault_opening import open_vault
from investbot.cli import store
from investbot.domain.errors import VaultError
from tests.unit.adapters.storage.samples import FAST
from tests.unit.cli.conftest import PASSPHRASE, Cli, spawned

NEW = "tangled otter violin harbour"


@pytest.fixture(scope="session")
def cheap(traded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the home of all tests with a vault that opens at once."""
    copy = tmp_path_factory.mktemp("cheap") / "fleet"
    shutil.copytree(traded, copy)
    change_passphrase(Vault.unlock(copy / "home/vault.json", PASSPHRASE), PASSPHRASE, FAST)
    return copy


@pytest.fixture
def folder(cheap: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy2(cheap / "home/vault.json", folder / "home/vault.json")
    monkeypatch.setattr(vault_sealing, "DEFAULT_COST", FAST)
    return folder


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))


def opened(folder: Path, passphrase: str = PASSPHRASE) -> OpenVault:
    return Vault.unlock(folder / "home/vault.json", passphrase)


def kept_copy(folder: Path, name: str) -> str:
    """Keep a copy of a ledger under a key of its own, as `remove` once did."""
    label, vault, home = f"removed/{name}-2026", opened(folder), Home(folder / "home")
    (home.path / label).mkdir(mode=0o700, parents=True)
    copy_verified(
        home.instance(name).ledger, vault.data_key(name), home.path / label / "ledger.db", new_key=vault.add(label)
    )
    return label


def write_new(folder: Path, text: str = NEW) -> str:
    file = folder / "new.txt"
    file.write_text(f"{text}\n", encoding="utf-8")
    file.chmod(0o600)
    return "new.txt"


def terminal(monkeypatch: pytest.MonkeyPatch, *lines: str, hidden: tuple[str, ...] = ()) -> None:
    """Let somebody sit at a terminal who types lines where they can be seen, and hidden ones where not."""
    typed, secret = iter(lines), iter(hidden)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True, readline=lambda: next(typed)))
    monkeypatch.setattr("getpass.getpass", lambda _: next(secret))


def words_of(shown: str) -> list[str]:
    words = re.findall(r"\d+ ([a-z]{5})\b", shown)
    assert len(words) == 24
    return words


def test_status_tells_what_there_is(cli: Cli, folder: Path) -> None:
    told = cli("vault", "status", "--json").json
    assert (told["version"], told["recovery_key"], told["rotating"]) == (2, False, [])
    assert (told["instances"], told["mode"]) == (["alpha", "beta"], "0600")
    assert cli("vault", "recovery-key").code == 0
    assert cli("vault", "status", "--json").json["recovery_key"] is True


# ---- passphrase ----


def test_another_passphrase(cli: Cli, folder: Path) -> None:
    key = opened(folder).data_key("alpha")
    result = cli("vault", "passphrase", "--new-passphrase-file", write_new(folder), "--keep-keys")
    assert (result.code, result.out) == (0, "The new passphrase opens the vault, and the old one does not.\n")
    assert "still has the old passphrase" in result.err
    assert "backups of the vault from before" in result.err
    assert opened(folder, NEW).data_key("alpha") == key
    assert cli("vault", "status").code == 77
    assert NEW not in result.out + result.err
    assert stat.S_IMODE((folder / "home/vault.json").stat().st_mode) == 0o600
    audit = (folder / "home/run/audit.jsonl").read_text(encoding="utf-8")
    assert "vault passphrase" in audit
    assert NEW not in audit


def test_without_a_word_on_the_keys_the_reason_to_rotate_them_is_told(cli: Cli, folder: Path) -> None:
    result = cli("vault", "passphrase", "--new-passphrase-file", write_new(folder), "--json")
    assert result.json == {"changed": True, "rotated": []}
    assert "can still open what today's keys open" in result.err
    assert "--rotate-keys" in result.err


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_at_a_terminal_the_rotation_is_offered(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    key = opened(folder).data_key("alpha")
    terminal(monkeypatch, answer, hidden=(NEW, NEW))
    result = cli("vault", "passphrase")
    assert result.code == 0
    assert "Rotate all keys now? [y/N]" in result.err
    assert (opened(folder, NEW).data_key("alpha") != key) == (answer == "y\n")


def test_all_keys_anew(cli: Cli, folder: Path) -> None:
    (folder / "keys").write_text("apiKey=a\nsecret=b\n", encoding="utf-8")
    cli("keys", "set", "beta", "--from", "keys")
    kept = kept_copy(folder, "beta")
    assert cli("remove", "beta", "--yes").code == 0
    home, before = folder / "home", opened(folder)
    old = {name: before.data_key(name) for name in ("alpha", kept)}
    trips = cli("trips", "alpha", "--json").out
    stolen = folder / "stolen.json"
    shutil.copy2(home / "vault.json", stolen)
    result = cli("vault", "passphrase", "--new-passphrase-file", write_new(folder), "--rotate-keys")
    assert (result.code, result.out.count("has a new key")) == (0, 2), result.err
    assert "can still open" not in result.err
    after = opened(folder, NEW)
    for name, file in (("alpha", home / "instances/alpha/ledger.db"), (kept, home / kept / "ledger.db")):
        assert not opens(file, old[name])
        assert opens(file, after.data_key(name))
    assert get_secrets(home / kept / "ledger.db", after.data_key(kept)) == {"apiKey": "a", "secret": "b"}
    (folder / "passphrase").write_text(NEW, encoding="utf-8")
    assert cli("trips", "alpha", "--json").out == trips
    thief = Vault.unlock(stolen, PASSPHRASE)
    shutil.copy2(home / "vault.json", stolen)
    with pytest.raises(VaultError, match="changed meanwhile"):
        thief.reload()


def test_one_ledger_that_cannot_be_rotated_does_not_keep_the_others(cli: Cli, folder: Path) -> None:
    ledger = folder / "home/instances/alpha/ledger.db"
    ledger.write_bytes(b"\0" * 4096)
    result = cli("vault", "passphrase", "--new-passphrase-file", write_new(folder), "--rotate-keys")
    assert result.code == 74
    assert "beta: has a new key" in result.out
    assert "investbot vault rotate" in result.err
    assert opened(folder, NEW).names() == ("alpha", "beta")


@pytest.mark.parametrize("flag", ["--rotate-keys", "--keep-keys"])
@pytest.mark.parametrize("weak", ["12345678", "password"])
def test_a_weak_passphrase_is_refused_unless_it_is_meant(cli: Cli, folder: Path, weak: str, flag: str) -> None:
    before = (folder / "home/vault.json").read_bytes()
    words = ["vault", "passphrase", "--new-passphrase-file", write_new(folder, weak), flag]
    refused = cli(*words)
    assert (refused.code, refused.err.count("\n")) == (77, 1)
    assert weak not in refused.err
    assert (folder / "home/vault.json").read_bytes() == before
    taken = cli(*words, "--weak")
    assert taken.code == 0
    assert "easily guessed" in taken.err


def test_where_nobody_can_be_asked_a_file_has_to_be_named(cli: Cli, folder: Path) -> None:
    result = cli("vault", "passphrase")
    assert result.code == 77
    assert "--new-passphrase-file" in result.err


def test_all_keys_are_not_renewed_under_a_supervisor_or_an_instance(cli: Cli, folder: Path) -> None:
    home = folder / "home"
    before = (home / "vault.json").read_bytes()
    words = ["vault", "passphrase", "--new-passphrase-file", write_new(folder), "--rotate-keys"]
    for file, says in ((home / "run/supervisor.lock", "investbot down"), (home / "instances/alpha/lock", "stop alpha")):
        with file.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            result = cli(*words)
        assert result.code == 78
        assert says in result.err
    assert (home / "vault.json").read_bytes() == before
    assert cli(*words).code == 0


def test_a_credential_with_the_old_passphrase_is_named(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "passphrase").rename(folder / "investbot-passphrase")
    monkeypatch.delenv("INVESTBOT_PASSPHRASE_FILE")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    result = cli("vault", "passphrase", "--new-passphrase-file", write_new(folder), "--keep-keys")
    assert result.code == 0
    assert "systemd-creds" in result.err


# ---- rotate ----


def test_a_new_data_key(cli: Cli, folder: Path) -> None:
    home = folder / "home"
    old = opened(folder).data_key("alpha")
    trips = cli("trips", "alpha", "--json").out
    result = cli("vault", "rotate", "alpha")
    assert (result.code, result.err.count("\n")) == (0, 1)
    assert "investbot backup create --all" in result.err
    assert re.fullmatch(r"alpha: has a new key; its \d+ events were copied and compared\n", result.out)
    assert not opens(home / "instances/alpha/ledger.db", old)
    assert cli("trips", "alpha", "--json").out == trips
    assert cli("doctor").code == 0
    assert cli("vault", "rotate", "--all", "--json").json[0]["ok"]


def test_a_rotated_instance_goes_on(cli: Cli, folder: Path) -> None:
    assert cli("vault", "rotate", "beta").code == 0
    options = ["--home", str(folder / "home"), "--passphrase-file", str(folder / "passphrase"), "--quiet"]
    assert spawned("run", "beta", *options).code == 0
    assert cli("trips", "beta", "--json").json != []


def test_one_that_runs_is_refused(cli: Cli, folder: Path) -> None:
    before = (folder / "home/vault.json").read_bytes()
    with (folder / "home/instances/alpha/lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = cli("vault", "rotate", "alpha")
    assert (result.code, result.err) == (78, "alpha is running; stop it first with `investbot stop alpha`.\n")
    assert (folder / "home/vault.json").read_bytes() == before
    assert cli("vault", "rotate", "nope").code == 66
    assert cli("vault", "rotate").code == 64


def test_one_is_refused_and_the_others_are_served(cli: Cli, folder: Path) -> None:
    with (folder / "home/instances/alpha/lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = cli("vault", "rotate", "--all")
    assert result.code == 78
    assert "beta: has a new key" in result.out


def test_keys_are_not_set_while_keys_are_rotated(cli: Cli, folder: Path) -> None:
    (folder / "keys").write_text("apiKey=canary-key\n", encoding="utf-8")
    with (folder / "home/run/instances.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for words in (["vault", "rotate", "alpha"], ["keys", "set", "alpha", "--from", "keys"]):
            result = cli(*words)
            assert (result.code, "try again" in result.err) == (75, True)


def test_a_rotation_that_was_cut_off_is_ended_by_the_next_command(cli: Cli, folder: Path) -> None:
    home = Home(folder / "home")
    trips = cli("trips", "alpha", "--json").out
    key_rotation._begin(opened(folder), "alpha")
    with home.instance("alpha").lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        open_vault(home, PASSPHRASE)
        assert pending(home.vault) == ("alpha",)
    assert cli("vault", "status", "--json").json["rotating"] == []
    assert pending(home.vault) == ()
    assert cli("trips", "alpha", "--json").out == trips


def test_a_cut_off_rotation_of_a_broken_ledger_keeps_no_other_command(cli: Cli, folder: Path) -> None:
    key_rotation._begin(opened(folder), "alpha")
    (folder / "home/instances/alpha/ledger.db").write_bytes(b"\0" * 4096)
    told = cli("vault", "status", "--json").json
    assert told["rotating"] == ["alpha"]
    assert cli("trips", "beta").code == 0
    result = cli("vault", "rotate", "alpha")
    assert result.code == 74
    assert "neither of its keys" in result.err


# ---- the recovery key ----


def test_a_recovery_key_is_shown_once_and_sets_a_new_passphrase(cli: Cli, folder: Path) -> None:
    shown = cli("vault", "recovery-key")
    assert shown.code == 0
    words = words_of(shown.out)
    (folder / "words").write_text("\n".join(f"{n}. {w}" for n, w in enumerate(words, 1)), encoding="utf-8")
    key = opened(folder).data_key("alpha")
    (folder / "passphrase").unlink()
    result = cli("vault", "recover", "--words-file", "words", "--new-passphrase-file", write_new(folder))
    assert (result.code, "opens the vault" in result.out) == (0, True), result.err
    assert opened(folder, NEW).data_key("alpha") == key
    for path in (folder / "home").rglob("*"):
        assert not path.is_file() or words[0].encode() not in path.read_bytes(), path


def test_words_are_asked_for_hidden_or_taken_from_stdin(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = words_of(cli("vault", "recovery-key").out)
    terminal(monkeypatch, hidden=(" ".join(words).upper(), NEW, NEW))
    assert cli("vault", "recover").code == 0
    assert opened(folder, NEW).names()
    typed = SimpleNamespace(isatty=lambda: False, buffer=io.BytesIO(" ".join(words).encode()))
    monkeypatch.setattr("sys.stdin", typed)
    back = write_new(folder, PASSPHRASE)
    told = cli("vault", "recover", "--words-file", "-", "--new-passphrase-file", back, "--json")
    assert told.json == {"recovered": True}
    assert opened(folder).names()


def test_wrong_words_change_nothing_and_are_not_repeated(cli: Cli, folder: Path) -> None:
    words = words_of(cli("vault", "recovery-key").out)
    before = (folder / "home/vault.json").read_bytes()
    other = "babab" if words[4] != "babab" else "zuzuz"
    for text, code, says in (
        (" ".join([*words[:4], other, *words[5:]]), 65, "Word 5"),
        (" ".join(words[:-1]), 65, "24 words, and here are 23"),
        ("\xff", 65, "mistyped|24 words"),
    ):
        (folder / "words").write_text(text, encoding="utf-8")
        result = cli("vault", "recover", "--words-file", "words", "--new-passphrase-file", write_new(folder))
        assert result.code == code
        assert re.search(says, result.err)
        assert other not in result.err
    (folder / "words").write_bytes(b"\xff\xfe")
    for source in ("words", "none"):
        assert cli("vault", "recover", "--words-file", source, "--new-passphrase-file", "new.txt").code == 65
    assert cli("vault", "recover").code == 64
    assert (folder / "home/vault.json").read_bytes() == before


def test_a_new_recovery_key_asks_and_ends_the_old_one(cli: Cli, folder: Path) -> None:
    first = words_of(cli("vault", "recovery-key").out)
    refused = cli("vault", "recovery-key")
    assert (refused.code, "--yes" in refused.err) == (64, True)
    second = words_of(cli("vault", "recovery-key", "--yes").out)
    assert first != second
    (folder / "words").write_text(" ".join(first), encoding="utf-8")
    result = cli("vault", "recover", "--words-file", "words", "--new-passphrase-file", write_new(folder))
    assert (result.code, "newer one" in result.err) == (77, True)


@pytest.mark.parametrize("flag", ["--json", "--quiet"])
def test_words_are_for_a_person_only(cli: Cli, folder: Path, flag: str, tmp_path: Path) -> None:
    before = (folder / "home/vault.json").read_bytes()
    for result in (cli("vault", "recovery-key", flag), cli("init", "--recovery-key", flag, home=tmp_path / "new")):
        assert (result.code, result.out) == (64, "")
    assert (folder / "home/vault.json").read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_init_makes_a_recovery_key_when_asked(cli: Cli, folder: Path, tmp_path: Path) -> None:
    plain = cli("init", home=tmp_path / "plain")
    assert "vault recovery-key" in plain.out
    shown = cli("init", "--recovery-key", home=tmp_path / "new")
    words = words_of(shown.out)
    assert "apart" in shown.out
    (folder / "words").write_text(" ".join(words), encoding="utf-8")
    words_and_new = ["--words-file", "words", "--new-passphrase-file", write_new(folder)]
    assert cli("vault", "recover", *words_and_new, home=tmp_path / "new").code == 0
    assert Vault.unlock(tmp_path / "new/vault.json", NEW).names() == ()


def test_init_refuses_a_weak_passphrase_and_leaves_nothing(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (folder / "passphrase").write_text("qwertyuiop\n", encoding="utf-8")
    refused = cli("init", home=tmp_path / "new")
    assert (refused.code, "--weak" in refused.err) == (77, True)
    assert not (tmp_path / "new").exists()
    assert cli("init", "--weak", home=tmp_path / "new").code == 0


# ---- the lock-out ----


def test_a_command_waits_after_wrong_passphrases_and_says_so(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    real = vault_tries.left_s
    monkeypatch.setattr(store, "time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(vault_tries, "left_s", lambda tried, now: 0.0 if waited else real(tried, now))
    (folder / "passphrase").write_text("wrong\n", encoding="utf-8")
    for _ in range(3):
        assert cli("vault", "status").code == 77
    assert waited == []
    (folder / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    result = cli("vault", "status")
    assert result.code == 0
    assert len(waited) == 1
    assert 0 < waited[0] <= 1
    assert "wrong passphrases were tried here; the next try is due in 1 s" in result.err


# ---- the doctor ----


def issues(cli: Cli) -> list[str]:
    return [row["what"] for row in cli("doctor", "--json").json if row["check"] == "vault"]


def test_the_doctor_judges_passphrase_and_recovery_key(cli: Cli, folder: Path) -> None:
    assert issues(cli) == ["there is no recovery key"]
    cli("vault", "recovery-key")
    assert issues(cli) == ["the passphrase is good and there is a recovery key"]
    cli("vault", "passphrase", "--new-passphrase-file", write_new(folder, "kestrel"), "--weak", "--keep-keys")
    (folder / "home/passphrase").write_text("kestrel", encoding="utf-8")
    (folder / "home/passphrase").chmod(0o600)
    rows = cli("doctor", "--json", "--passphrase-file", str(folder / "home/passphrase")).json
    told = [row["what"] for row in rows if row["check"] == "vault"]
    assert told[0] == "the passphrase is guessed easily (about 16 bits)"
    assert told[1].startswith("the passphrase lies in the home: ")
    assert len(told) == 2


# ---- backups ----


def test_archives_of_before_open_after_every_rotation(cli: Cli, folder: Path) -> None:
    trips = cli("trips", "alpha", "--json").out
    assert cli("backup", "create", "alpha").code == 0
    (first,) = (folder / "home/backups/alpha").glob("*.ibk")
    identity = opened(folder).secret_get("backup-identity")
    assert cli("vault", "rotate", "alpha").code == 0
    assert cli("vault", "passphrase", "--new-passphrase-file", write_new(folder), "--rotate-keys").code == 0
    (folder / "passphrase").write_text(NEW, encoding="utf-8")
    assert cli("backup", "verify", str(first)).code == 0
    assert cli("backup", "create", "alpha").code == 0
    now = opened(folder, NEW)
    assert now.secret_get("backup-identity/1") == identity
    assert now.secret_get("backup-identity") not in {None, identity}
    assert cli("backup", "verify", "alpha").code == 0
    restored = cli("backup", "restore", str(first), "--as", "gamma")
    assert restored.code == 0, restored
    assert cli("trips", "gamma", "--json").out == trips
