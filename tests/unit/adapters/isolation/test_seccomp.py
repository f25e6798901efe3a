"""The filter of system calls, run by a machine of our own for both processors."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from investbot.adapters.isolation import seccomp
from investbot.adapters.isolation.calls import FIRST_UNKNOWN, looked_into, refused
from investbot.adapters.isolation.policy import Layer, Policy
from investbot.adapters.isolation.seccomp import ALLOW, KILL, NO, NOT_THERE, program
from tests.unit.adapters.isolation.machine import AARCH64, I386, X86_64, FakeKernel, verdict

PID = 4711
PROCESSORS = {"x86_64": X86_64, "aarch64": AARCH64}
ALONE, ONLINE = Policy(), Policy(connect=(443,))
SERVING = Policy(listen=(8080,))
NEEDED = {
    "x86_64": {"read": 0, "openat": 257, "futex": 202, "mmap": 9, "fsync": 74, "connect": 42, "socketpair": 53},
    "aarch64": {"read": 63, "openat": 56, "futex": 98, "mmap": 222, "fsync": 82, "connect": 203, "socketpair": 199},
}


@pytest.fixture(params=PROCESSORS)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def says(machine: str, name: str, *arguments: int, policy: Policy = ALONE) -> int:
    numbers = {**refused(machine), **looked_into(machine), **NEEDED[machine]}
    return verdict(program(machine, policy, PID), PROCESSORS[machine], numbers[name], *arguments)


def test_every_jump_stays_inside(machine: str) -> None:
    code = program(machine, ONLINE, PID)
    assert len(code) < 4096
    for place, (operation, yes, no, _) in enumerate(code):
        assert max(yes, no) < 256
        if operation & 7 == 5:
            assert place + 1 + max(yes, no) < len(code)
    assert code[-1] == (6, 0, 0, ALLOW)


def test_what_an_instance_needs_is_allowed(machine: str) -> None:
    for name in NEEDED[machine]:
        assert says(machine, name) == ALLOW, name


def test_what_it_never_needs_is_refused_whatever_the_arguments(machine: str) -> None:
    for name in refused(machine):
        assert {says(machine, name), says(machine, name, *[0xFFFFFFFF] * 6)} == {NO}, name


@pytest.mark.parametrize(
    "name",
    [
        *("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "pidfd_open"),
        *("kexec_load", "mount", "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key"),
        *("io_uring_setup", "unshare", "setns", "fchmodat", "fchmodat2", "fchownat", "setxattr", "linkat", "symlinkat"),
        *("open_by_handle_at", "inotify_init1", "shmget", "mq_open", "rt_sigqueueinfo", "tkill", "truncate"),
    ],
)
def test_the_dangerous_ones_are_named(machine: str, name: str) -> None:
    assert name in refused(machine)


def test_numbers_are_those_of_this_machine_s_headers() -> None:
    names = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}
    for machine, file in names.items():
        header = Path("/usr/include") / file
        text = header.read_text() if header.exists() else ""
        known = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text))
        own = {**refused(machine), **looked_into(machine)}
        assert {name: number for name, number in own.items() if int(known.get(name, number)) != number} == {}
        assert all(int(number) < FIRST_UNKNOWN for number in known.values() if int(number) < 1000)


def test_a_call_of_another_architecture_ends_the_process(machine: str) -> None:
    code = program(machine, ONLINE, PID)
    for architecture in {I386, *PROCESSORS.values()} - {PROCESSORS[machine]}:
        assert verdict(code, architecture, 3) == KILL


def test_calls_that_came_later_are_not_there(machine: str) -> None:
    code = program(machine, ONLINE, PID)
    for number in (FIRST_UNKNOWN, FIRST_UNKNOWN + 1000, 0x40000000 + 59):
        assert verdict(code, PROCESSORS[machine], number) == NOT_THERE
    assert verdict(code, PROCESSORS[machine], FIRST_UNKNOWN - 2) == ALLOW


def test_threads_are_made_and_processes_are_not(machine: str) -> None:
    assert says(machine, "clone", 0x003D0F00) == ALLOW
    assert says(machine, "clone", 0x01200011) == NO
    assert says(machine, "clone3") == NOT_THERE


@pytest.mark.parametrize("name", ["kill", "tgkill"])
def test_only_itself_is_signalled(machine: str, name: str) -> None:
    assert says(machine, name, PID, 15) == ALLOW
    for other in (1, PID + 1, 0, -1, -PID):
        assert says(machine, name, other, 15) == NO


def test_only_own_limits_are_changed(machine: str) -> None:
    assert says(machine, "prlimit64", 0) == says(machine, "prlimit64", PID) == ALLOW
    assert says(machine, "prlimit64", PID + 1) == NO


def test_nobody_is_let_into_its_memory_again(machine: str) -> None:
    for option in (4, 35, 0x59616D61):
        assert says(machine, "prctl", option, 1) == NO
    assert says(machine, "prctl", 15) == ALLOW


def test_no_key_is_pressed_on_the_operator_s_terminal(machine: str) -> None:
    assert says(machine, "ioctl", 0, 0x5412) == says(machine, "ioctl", 0, 0x541C) == NO
    assert says(machine, "ioctl", 0, 0x5401) == ALLOW


UNIX, INET, INET6, NETLINK, PACKET, VSOCK = 1, 2, 10, 16, 17, 40
STREAM, DGRAM, RAW, CLOEXEC = 1, 2, 3, 0o2000000


def test_unix_sockets_are_there_always(machine: str) -> None:
    assert says(machine, "socket", UNIX, STREAM | CLOEXEC, 0) == ALLOW


@pytest.mark.parametrize("family", [INET, INET6])
def test_plain_tcp_and_udp_are_there_for_who_has_a_network(machine: str, family: int) -> None:
    for kind, protocols in ((STREAM, (0, 6)), (DGRAM, (0, 17)), (STREAM | CLOEXEC, (6,))):
        for protocol in protocols:
            assert says(machine, "socket", family, kind, protocol, policy=ONLINE) == ALLOW
            assert says(machine, "socket", family, kind, protocol, policy=SERVING) == ALLOW
            assert says(machine, "socket", family, kind, protocol) == NO


@pytest.mark.parametrize(
    ("family", "kind", "protocol"),
    [
        (INET, STREAM, 262),  # MPTCP: Landlock's ports are those of TCP
        (INET6, STREAM, 132),  # SCTP
        (INET, STREAM, 256),  # SMC
        (INET, DGRAM, 136),  # UDP-Lite
        (INET, DGRAM, 6),
        (INET, STREAM, 17),
        (INET, DGRAM, 1),  # ping
        (INET, RAW, 255),
        (INET6, RAW, 58),
        (INET, 5, 132),
        (NETLINK, RAW, 0),
        (PACKET, RAW, 0),
        (VSOCK, STREAM, 0),
        (38, 5, 0),  # AF_ALG
    ],
)
def test_no_other_socket_is_there(machine: str, family: int, kind: int, protocol: int) -> None:
    assert says(machine, "socket", family, kind, protocol, policy=ONLINE) == NO


@pytest.mark.parametrize(("name", "place"), [("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)])
def test_nobody_connects_while_sending(machine: str, name: str, place: int) -> None:
    quiet = [3, 0, 0, 0]
    quiet[place] = 0x4000
    assert says(machine, name, *quiet, policy=ONLINE) == ALLOW
    quiet[place] |= 0x20000000
    assert says(machine, name, *quiet, policy=ONLINE) == NO


@pytest.mark.parametrize("name", ["bind", "listen", "accept", "accept4"])
def test_it_serves_only_where_it_may(machine: str, name: str) -> None:
    assert says(machine, name, policy=ONLINE) == NO
    assert says(machine, name, policy=SERVING) == ALLOW


@pytest.mark.parametrize("policy", [Policy(answers=True), Policy(connect=(443,), answers=True)])
def test_who_answers_at_an_open_door_opens_none(machine: str, policy: Policy) -> None:
    assert {name: says(machine, name, policy=policy) for name in ("bind", "listen", "accept", "accept4")} == {
        "bind": NO,
        "listen": NO,
        "accept": ALLOW,
        "accept4": ALLOW,
    }
    internet = says(machine, "socket", 2, 1, 0, policy=policy)
    assert internet == (ALLOW if policy.connect else NO)


def test_times_are_changed_of_open_files_only(machine: str) -> None:
    assert says(machine, "utimensat", 7, 0) == ALLOW
    assert says(machine, "utimensat", 7, 1) == NO
    assert says(machine, "utimensat", 7, 1 << 40) == NO


def test_the_kernel_is_handed_the_program() -> None:
    kernel = FakeKernel()
    assert seccomp.enforce(kernel, ONLINE) == {Layer.CALLS: "on", Layer.SIGNALS: "on"}
    ((number, (mode, flags, _)),) = kernel.asked
    assert (number, mode, flags) == (317, 1, 1)
    arm = FakeKernel(machine="aarch64")
    seccomp.enforce(arm, ONLINE)
    assert arm.asked[0][0] == 277


def test_what_cannot_be_filtered_is_told() -> None:
    told = seccomp.enforce(FakeKernel(machine="riscv64"), ONLINE)
    assert "system calls of riscv64 are not known" in told[Layer.CALLS]
    told = seccomp.enforce(FakeKernel(fails={317: errno.EINVAL}), ONLINE)
    assert told[Layer.SIGNALS] == "this kernel filters no system calls (Invalid argument)"


def test_an_instruction_has_eight_bytes() -> None:
    assert struct.calcsize("<HBBI") == 8
