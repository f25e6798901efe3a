"""A strategy as an attacker would write it: on import and at a bar it tries every way out that is known to us.

What came of each try goes into its instance's own log folder. It is loaded by an instance as any other strategy file.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import gc
import json
import os
import platform
import resource
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from investbot.analysis.indicators import Declared
from investbot.control.client import ControlClient
from investbot.domain.errors import InvestBotError
from investbot.domain.signal import Signal
from investbot.strategies.api import MarketView, parameter

HERE = Path(__file__).resolve().parent
TOLD: dict[str, Any] = json.loads((HERE / "targets.json").read_text()) if (HERE / "targets.json").exists() else {}
HOME = Path(TOLD.get("home", "/nowhere"))
OWN = HOME / "instances" / "alpha"
VICTIM = HOME / "instances" / "beta"
DECOY = HOME / "instances" / "gamma"
PID = int(TOLD.get("pid", 1))
SUPERVISOR = int(TOLD.get("supervisor", 1))
X86 = platform.machine() == "x86_64"
LIBRARY = ctypes.CDLL(None, use_errno=True)
LIBRARY.syscall.restype = ctypes.c_long
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EXDEV}
ATTACKS: dict[str, Callable[[], Any]] = {}


def attack(act: Callable[[], Any]) -> Callable[[], Any]:
    """Remember a way out."""
    ATTACKS[act.__name__] = act
    return act


def call(x86: int, arm: int, *arguments: Any) -> int:
    """Make a system call as it is; OSError."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer = int(LIBRARY.syscall(ctypes.c_long(x86 if X86 else arm), *words))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


# ---- files ----------------------------------------------------------------------------------------------------------
@attack
def read_another_ledger() -> None:
    (VICTIM / "ledger.db").read_bytes()


@attack
def write_another_ledger() -> None:
    os.close(os.open(VICTIM / "ledger.db", os.O_RDWR))


@attack
def read_another_s_settings() -> None:
    (VICTIM / "instance.toml").read_text()


@attack
def list_another_s_folder() -> None:
    os.listdir(VICTIM)  # noqa: PTH208


@attack
def list_all_instances() -> None:
    os.listdir(HOME / "instances")  # noqa: PTH208


@attack
def read_the_vault() -> None:
    (HOME / "vault.json").read_bytes()


@attack
def read_the_passphrase() -> None:
    Path(TOLD["passphrase_file"]).read_text()


@attack
def read_a_private_file_of_the_operator() -> None:
    Path(TOLD["private"]).read_text()


@attack
def read_the_audit() -> None:
    (HOME / "run" / "audit.jsonl").read_bytes()


@attack
def rename_another_ledger_away() -> None:
    (DECOY / "a").rename(OWN / "logs" / "stolen")


@attack
def rename_own_file_over_another_s() -> None:
    (OWN / "logs" / "mine").write_text("x")
    (OWN / "logs" / "mine").rename(DECOY / "b")


@attack
def link_another_ledger_in() -> None:
    (OWN / "logs" / "hard").hardlink_to(DECOY / "c")


@attack
def link_in_by_name() -> None:
    (OWN / "logs" / "soft").symlink_to(VICTIM)
    (OWN / "logs" / "soft" / "ledger.db").read_bytes()


@attack
def delete_a_file_of_another() -> None:
    (DECOY / "d").unlink()


@attack
def make_a_file_at_another_s() -> None:
    (DECOY / "new").touch()


@attack
def make_a_folder_in_the_home() -> None:
    (HOME / "mine").mkdir()


@attack
def open_another_s_file_to_all_users() -> None:
    (DECOY / "e").chmod(0o666)


@attack
def give_another_s_file_away() -> None:
    os.chown(DECOY / "e", os.getuid(), os.getgid())


@attack
def change_the_times_of_another_s_file() -> None:
    os.utime(DECOY / "e", (1, 1))


@attack
def mark_another_s_file() -> None:
    os.setxattr(DECOY / "e", "user.mine", b"1")


@attack
def cut_another_s_file() -> None:
    os.truncate(DECOY / "e", 0)


@attack
def take_another_s_lock() -> None:
    handle = os.open(DECOY / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


@attack
def go_round_by_proc() -> None:
    Path(f"/proc/{PID}/root{VICTIM}/ledger.db").read_bytes()


@attack
def go_round_by_the_working_folder() -> None:
    os.close(os.open("instances/beta/ledger.db", os.O_RDONLY))


@attack
def open_by_handle() -> None:
    handle = ctypes.create_string_buffer(136)
    ctypes.memmove(handle, (128).to_bytes(4, "little"), 4)
    mount = ctypes.c_int()
    call(303, 264, -100, os.fsencode(VICTIM / "ledger.db"), handle, ctypes.byref(mount), 0)


@attack
def watch_another_s_folder() -> None:
    call(294, 26, 0)


@attack
def read_another_ledger_from_a_thread() -> None:
    met: list[OSError] = []

    def steal() -> None:
        try:
            read_another_ledger()
        except OSError as refusal:
            met.append(refusal)

    thread = threading.Thread(target=steal)
    thread.start()
    thread.join()
    if met:
        raise met[0]


# ---- what would loosen the next start, or mislead others ------------------------------------------------------------
@attack
def change_own_settings() -> None:
    with (OWN / "instance.toml").open("a") as file:
        file.write("")


@attack
def replace_own_settings() -> None:
    (OWN / "logs" / "instance.toml").write_text("x")
    os.link(OWN / "logs" / "instance.toml", OWN / "other.toml")


@attack
def make_a_file_beside_own_settings() -> None:
    (OWN / "instance.toml.new").write_text("x")


@attack
def delete_own_versions() -> None:
    next(iter(sorted((OWN / "versions").iterdir()))).rename(OWN / "logs" / "version")


@attack
def change_the_settings_of_the_fleet() -> None:
    with (HOME / "investbot.toml").open("a") as file:
        file.write("")


@attack
def poison_the_market_cache() -> None:
    (HOME / "market" / "candles").write_text("x")


@attack
def drain_the_limits_of_others() -> None:
    (HOME / "run" / "limits.json").write_text("x")


@attack
def forge_the_journal_of_the_supervisor() -> None:
    with (HOME / "run" / "supervisor.json").open("a") as file:
        file.write("")


@attack
def stand_in_for_the_supervisor() -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(HOME / "run" / "mine.sock"))


# ---- memory and processes -------------------------------------------------------------------------------------------
@attack
def read_memory_by_proc() -> None:
    os.close(os.open(f"/proc/{PID}/mem", os.O_RDONLY))


@attack
def read_the_supervisor_s_memory_by_proc() -> None:
    os.close(os.open(f"/proc/{SUPERVISOR}/mem", os.O_RDONLY))


@attack
def read_environments() -> None:
    Path(f"/proc/{SUPERVISOR}/environ").read_bytes()


@attack
def list_processes() -> None:
    os.listdir("/proc")  # noqa: PTH208


class _Part(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@attack
def read_memory_by_call() -> None:
    here = ctypes.create_string_buffer(8)
    near, far = _Part(ctypes.addressof(here), 8), _Part(ctypes.addressof(here), 8)
    call(310, 270, PID, ctypes.byref(near), 1, ctypes.byref(far), 1, 0)


@attack
def trace_another() -> None:
    call(101, 117, 0x4206, PID, 0, 0)
    call(101, 117, 17, PID, 0, 0)


@attack
def hold_another() -> None:
    os.close(os.pidfd_open(PID))


@attack
def take_a_descriptor_of_another() -> None:
    call(438, 438, 0, 0, 0)


@attack
def signal_another() -> None:
    os.kill(PID, signal.SIGCONT)


@attack
def signal_the_supervisor() -> None:
    os.kill(SUPERVISOR, 0)


@attack
def queue_a_signal() -> None:
    info = ctypes.create_string_buffer(128)
    call(129, 138, PID, 0, info)


@attack
def cut_another_s_limits() -> None:
    resource.prlimit(PID, resource.RLIMIT_CORE, (0, 0))


@attack
def slow_another_down() -> None:
    os.setpriority(os.PRIO_PROCESS, PID, 19)


@attack
def move_another_to_a_processor() -> None:
    os.sched_setaffinity(PID, os.sched_getaffinity(0))


@attack
def fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


@attack
def run_a_program() -> None:
    subprocess.run(["/bin/true"], check=True)


@attack
def become_a_program() -> None:
    os.execv("/nowhere/at/all", ["x"])  # noqa: S606


@attack
def open_itself_to_others() -> None:
    if LIBRARY.prctl(4, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@attack
def raise_own_limits() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (1, 1))
    except ValueError as refusal:
        raise PermissionError(errno.EPERM, str(refusal)) from refusal


# ---- the kernel -----------------------------------------------------------------------------------------------------
@attack
def use_keyrings() -> None:
    call(250, 219, 0, -3, 0)


@attack
def keep_a_key() -> None:
    call(248, 217, b"user", b"mine", b"x", 1, -2)


@attack
def share_memory() -> None:
    call(29, 194, 0, 4096, 0o1600)


@attack
def leave_a_file_in_shared_memory() -> None:
    path = Path(f"/dev/shm/mine-{os.getpid()}")
    path.write_text("x")
    path.unlink()


@attack
def enter_a_namespace() -> None:
    call(272, 97, 0)


@attack
def mount_something() -> None:
    call(165, 40, b"none", b"/proc", b"", 1 << 18, 0)


@attack
def queue_calls_in_a_ring() -> None:
    parameters = ctypes.create_string_buffer(120)
    os.close(call(425, 425, 1, parameters))


@attack
def load_a_program_into_the_kernel() -> None:
    call(321, 280, 0, 0, 0)


@attack
def press_keys_on_the_terminal() -> None:
    fcntl.ioctl(0, 0x5412, b"x")


# ---- the network ----------------------------------------------------------------------------------------------------
def reach(kind: int = socket.SOCK_STREAM, protocol: int = 0) -> None:
    with socket.socket(socket.AF_INET, kind, protocol) as door:
        door.settimeout(5)
        door.connect(("127.0.0.1", TOLD["port"]))


@attack
def connect_to_a_foreign_port() -> None:
    reach()


@attack
def connect_by_multipath() -> None:
    reach(protocol=262)


@attack
def connect_while_sending() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.sendto(b"x", 0x20000000, ("127.0.0.1", TOLD["port"]))


@attack
def send_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.sendto(b"x", ("127.0.0.1", TOLD["port"]))


@attack
def serve_on_a_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.bind(("127.0.0.1", 0))


@attack
def serve_without_a_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.listen()


@attack
def look_at_the_network() -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()


@attack
def forge_packets() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 255).close()


@attack
def call_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.connect("\0" + TOLD["abstract"])


# ---- the control socket ---------------------------------------------------------------------------------------------
def command(verb: str, **arguments: Any) -> None:
    with ControlClient(HOME, timeout_s=10) as client:
        client.call(verb, **arguments)


@attack
def look_at_the_fleet() -> None:
    command("status")


@attack
def stop_another() -> None:
    command("stop", names=["gamma"])


@attack
def flatten_another() -> None:
    command("flatten", names=["gamma"])


@attack
def pause_another() -> None:
    command("pause", names=["gamma"])


@attack
def read_the_events_of_another() -> None:
    with ControlClient(HOME, timeout_s=10) as client:
        list(client.rows("events", "beta"))


@attack
def change_its_own_capital() -> None:
    command("allocate", name="gamma", amount="2000")


@attack
def ask_after_the_keys_of_another() -> None:
    command("keys", name="beta")


@attack
def read_the_log_of_commands() -> None:
    with ControlClient(HOME, timeout_s=10) as client:
        list(client.stream("audit"))


@attack
def say_it_is_another() -> None:
    from investbot.control import codec
    from investbot.control.address import connect, socket_path

    with connect(socket_path(HOME), 10) as door:
        door.sendall(codec.encode({"hello": {"name": "beta", "pid": os.getpid(), "start_time": TOLD["began"]}}))
        answer = codec.decode(door.makefile("rb").readline())
    if answer.get("ok") is False:
        raise PermissionError(errno.EPERM, str(answer["message"]))


# ---- what was left behind -------------------------------------------------------------------------------------------
@attack
def find_open_files_of_others() -> None:
    """Hold every descriptor against the files of others: what they are can be asked, though not opened."""
    foreign = {(told[0], told[1]) for told in TOLD["files"]}
    for handle in range(3, 512):
        try:
            seen = os.fstat(handle)
        except OSError:
            continue
        if (seen.st_dev, seen.st_ino) in foreign:
            return
    raise PermissionError(errno.EPERM, "none was left open")


@attack
def find_a_socket_left_open() -> None:
    """Before its own event loop there is none, unless one was handed down."""
    if asyncio._get_running_loop() is None:
        for handle in range(3, 512):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.fstat(handle).st_mode):
                    return
    raise PermissionError(errno.EPERM, "none was left open")


@attack
def find_secrets_in_own_memory() -> None:
    wanted = {bytes.fromhex(each) for each in TOLD["secrets"]}
    for each in gc.get_objects():
        for value in each.values() if type(each) is dict else each if type(each) in {list, tuple} else ():
            if type(value) in {bytes, str} and (value if type(value) is bytes else value.encode()) in wanted:
                return
    raise PermissionError(errno.EPERM, "none was left there")


def run(when: str) -> None:
    """Try everything and write down what came of it."""
    told = {}
    for name, act in ATTACKS.items():
        try:
            act()
        except OSError as refusal:
            told[name] = "refused" if refusal.errno in REFUSED else f"strange: {refusal}"
        except InvestBotError as refusal:
            told[name] = "refused" if "is an instance" in str(refusal) else f"strange: {refusal}"
        else:
            told[name] = "SUCCEEDED"
    written = OWN / "logs" / f"{when}.part"
    written.write_text(json.dumps(told))
    written.rename(OWN / "logs" / f"{when}.json")


@dataclass(frozen=True, slots=True)
class Hostile:
    """Looks like any strategy."""

    name: ClassVar[str] = "hostile"
    description: ClassVar[str] = "tries to get out"
    fast: int = parameter(1, "bars", least=1)
    slow: int = parameter(2, "bars", least=1)

    @property
    def warmup(self) -> int:
        return self.fast

    def indicators(self) -> Mapping[str, Declared]:
        return {}

    def confirm_indicators(self) -> Mapping[str, Declared]:
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        if not (OWN / "logs" / "bar.json").exists():
            run("bar")
        return None


if TOLD:
    run("import")
