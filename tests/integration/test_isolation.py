"""A hostile strategy gets nowhere: eighty ways out, on import and at a bar, by root and by an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

HERE = Path(__file__).parent
SCENE, ORDINARY = HERE / "isolation_scene.py", HERE / "ordinary_user.py"
OTHER_USER = 61_234
USERS = {"as_we_are": os.getuid()} | ({"an_ordinary_user": OTHER_USER} if os.getuid() == 0 else {})

# What works where nothing is isolated, whoever it is: a try that fails there too would show nothing here.
WORKS_FREE = (
    "read_another_ledger",
    "write_another_ledger",
    "read_another_s_settings",
    "list_another_s_folder",
    "list_all_instances",
    "read_the_vault",
    "read_the_passphrase",
    "read_a_private_file_of_the_operator",
    "read_the_audit",
    "rename_another_ledger_away",
    "rename_own_file_over_another_s",
    "link_another_ledger_in",
    "link_in_by_name",
    "delete_a_file_of_another",
    "make_a_file_at_another_s",
    "make_a_folder_in_the_home",
    "open_another_s_file_to_all_users",
    "give_another_s_file_away",
    "change_the_times_of_another_s_file",
    "cut_another_s_file",
    "take_another_s_lock",
    "go_round_by_the_working_folder",
    "watch_another_s_folder",
    "read_another_ledger_from_a_thread",
    "change_own_settings",
    "replace_own_settings",
    "make_a_file_beside_own_settings",
    "delete_own_versions",
    "change_the_settings_of_the_fleet",
    "poison_the_market_cache",
    "drain_the_limits_of_others",
    "forge_the_journal_of_the_supervisor",
    "stand_in_for_the_supervisor",
    "list_processes",
    "hold_another",
    "signal_another",
    "signal_the_supervisor",
    "fork",
    "run_a_program",
    "open_itself_to_others",
    "leave_a_file_in_shared_memory",
    "connect_to_a_foreign_port",
    "send_a_datagram",
    "serve_on_a_port",
    "serve_without_a_port",
    "look_at_the_network",
    "call_an_abstract_socket",
)
VERBS = ("status", "stop", "flatten", "pause", "read", "allocate", "keys", "audit")


def scene(folder: Path, uid: int, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(SCENE), str(folder), *options]
    if uid != os.getuid():
        command = [sys.executable, str(ORDINARY), str(uid), *command]
    environment = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
    environment |= {"PYTHONPATH": str(REPOSITORY), "HOME": str(folder), "TMPDIR": str(folder)}
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, env=environment, cwd=folder, timeout=110
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["uid"] == uid
    return told


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user may be given, which those of pytest are not."""
    made = Path(tempfile.mkdtemp(prefix="investbot-isolation-"))
    yield made
    shutil.rmtree(made)


@pytest.mark.parametrize("user", USERS)
def test_every_way_out_is_refused(folder: Path, landlock: int, user: str) -> None:
    os.chown(folder, USERS[user], USERS[user])
    told = scene(folder, USERS[user])
    for when in ("import", "bar"):
        assert {name: word for name, word in told["found"][when].items() if word != "refused"} == {}, when
        assert len(told["found"][when]) >= 80
    assert told["started"][0]["ok"]
    assert {name: row["state"] for name, row in told["rows"].items()} == {"alpha": "RUNNING", "beta": "RUNNING"}
    assert told["decoys"] == {name: ["x", 0o644] for name in "abcde"}
    isolation = told["rows"]["alpha"]["isolation"]
    assert {name for name, word in isolation.items() if word != "on"} <= (
        {"state", "sockets"} if landlock < 9 else set()
    )
    assert told["rows"]["alpha"]["pss_mb"] > 1  # read from inside, through what was opened before
    assert '"event": "isolated"' in told["log"]
    pid = told["rows"]["alpha"]["pid"]
    refused = [line for line in told["audit"] if line["outcome"].startswith(f"Process {pid} is an instance")]
    assert {line["verb"] for line in refused} == set(VERBS)
    assert {line["exit_code"] for line in refused} == {77}
    assert any(f"Process {pid} says it is beta" in line["outcome"] for line in told["audit"])


def test_the_same_ways_lead_out_where_nothing_is_isolated(folder: Path, landlock: int) -> None:
    told = scene(folder, os.getuid(), "--free")
    tried = told["found"]["import"]
    assert {name: tried[name] for name in WORKS_FREE if tried[name] != "SUCCEEDED"} == {}
    assert told["rows"]["alpha"] is not None
    assert '"event": "not_isolated"' in told["log"]
    refused = {line["verb"] for line in told["audit"] if "is an instance" in line["outcome"]}
    assert refused == set(VERBS)  # it is known for what it is all the same
