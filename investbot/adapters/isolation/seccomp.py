"""The filter of system calls (seccomp(2)), written as the classic BPF program that the kernel runs before each call.

It closes what Landlock does not see: new programs and processes, memory and descriptors of others, keyrings, changes of
rights by path, sockets of protocols whose ports Landlock does not know, connecting while sending (TCP_FASTOPEN).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence

from investbot.adapters.isolation.calls import ARCHITECTURES, FIRST_UNKNOWN, looked_into, refused
from investbot.adapters.isolation.kernel import SECCOMP, Kernel
from investbot.adapters.isolation.policy import ON, Layer, Policy

Instruction = tuple[int, int, int, int]
"""Operation, how far to jump when true and when false, constant (linux/filter.h)."""
Block = list[Instruction]

_LOAD, _AND = 0x20, 0x54
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_RETURN = 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
_ERROR = 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where in what the filter is shown (linux/seccomp.h, struct seccomp_data)."""

_SET_FILTER, _ALL_THREADS = 1, 1
_CLONE_THREAD = 0x10000
_FAST_OPEN = 0x20000000
_DUMPABLE, _SET_MM, _SET_PTRACER = 4, 35, 0x59616D61
_PUSH_KEY, _CONSOLE = 0x5412, 0x541C
_UNIX, _INET, _INET6 = 1, 2, 10
_STREAM, _DATAGRAM, _KIND = 1, 2, 0xF
_TCP, _UDP = 6, 17
_OPENING = ("bind", "listen")
_TAKING = ("accept", "accept4")


def error(number: int) -> int:
    """Give the verdict that lets a call fail with an error number."""
    return _ERROR | number


NO = error(errno.EPERM)
NOT_THERE = error(errno.ENOSYS)


def program(machine: str, policy: Policy, pid: int) -> Block:
    """Write the filter of a process with this pid; KeyError for a processor that is not known."""
    numbers = looked_into(machine)
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, FIRST_UNKNOWN),
        (_RETURN, 0, 0, NOT_THERE),
    ]
    for name, block in _decisions(policy, pid).items():
        code += [(_EQUAL, 0, len(block), numbers[name]), *block]
    for number in refused(machine).values():
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, NO)]
    return [*code, (_RETURN, 0, 0, ALLOW)]


def enforce(kernel: Kernel, policy: Policy) -> dict[str, str]:
    """Put the filter on every thread of this process for good; say ON, or why there is none."""
    if kernel.machine not in ARCHITECTURES:
        why = f"system calls of {kernel.machine} are not known: {' and '.join(ARCHITECTURES)} are"
        return dict.fromkeys((Layer.CALLS, Layer.SIGNALS), why)
    packed = b"".join(struct.pack("<HBBI", *each) for each in program(kernel.machine, policy, os.getpid()))
    memory = ctypes.create_string_buffer(packed, len(packed))
    pointer = ctypes.create_string_buffer(struct.pack("@HP", len(packed) // 8, ctypes.addressof(memory)))
    try:
        kernel.call(SECCOMP[kernel.machine], _SET_FILTER, _ALL_THREADS, ctypes.byref(pointer))
    except OSError as refusal:
        why = f"this kernel filters no system calls ({refusal.strerror})"
        return dict.fromkeys((Layer.CALLS, Layer.SIGNALS), why)
    return dict.fromkeys((Layer.CALLS, Layer.SIGNALS), ON)


def _decisions(policy: Policy, pid: int) -> Mapping[str, Block]:
    """Write what is decided by arguments; each block begins knowing only the call and ends with a verdict."""
    only_own = [*_argument(0), *_if(_EQUAL, pid, ALLOW), _verdict(NO)]
    own_limits = [*_argument(0), *_if(_EQUAL, 0, ALLOW), *_if(_EQUAL, pid, ALLOW), _verdict(NO)]
    opening = [_verdict(ALLOW if policy.listen else NO)]
    taking = [_verdict(ALLOW if policy.listen or policy.answers else NO)]
    return {
        "clone": [*_argument(0), *_if(_ANY_BIT, _CLONE_THREAD, ALLOW), _verdict(NO)],
        "clone3": [_verdict(NOT_THERE)],  # its flags lie in memory; the C library then takes clone
        "kill": only_own,
        "tgkill": only_own,
        "prlimit64": own_limits,
        "prctl": _none_of(0, (_DUMPABLE, _SET_MM, _SET_PTRACER)),
        "ioctl": _none_of(1, (_PUSH_KEY, _CONSOLE)),
        "socket": _sockets(networked=policy.networked),
        "sendto": _without_fast_open(3),
        "sendmsg": _without_fast_open(2),
        "sendmmsg": _without_fast_open(3),
        # Without a path (a null pointer) it is about an open file.
        "utimensat": [*_argument(1), *_if(_AT_LEAST, 1, NO), *_argument(1, 4), *_if(_AT_LEAST, 1, NO), _verdict(ALLOW)],
        **dict.fromkeys(_OPENING, opening),
        **dict.fromkeys(_TAKING, taking),
    }


def _sockets(*, networked: bool) -> Block:
    """Allow Unix sockets, and plain TCP and UDP where there is a network: every other protocol has ports of its own."""
    block = [*_argument(0), *_if(_EQUAL, _UNIX, ALLOW)]
    if networked:
        kinds = [(_AND, 0, 0, _KIND)]
        tcp = [*_argument(2), *_if(_EQUAL, 0, ALLOW), *_if(_EQUAL, _TCP, ALLOW), _verdict(NO)]
        udp = [*_argument(2), *_if(_EQUAL, 0, ALLOW), *_if(_EQUAL, _UDP, ALLOW), _verdict(NO)]
        block += [(_EQUAL, 2, 0, _INET), (_EQUAL, 1, 0, _INET6), _verdict(NO)]
        block += [*_argument(1), *kinds, (_EQUAL, 0, len(tcp), _STREAM), *tcp, (_EQUAL, 0, len(udp), _DATAGRAM), *udp]
    return [*block, _verdict(NO)]


def _without_fast_open(place: int) -> Block:
    return [*_argument(place), *_if(_ANY_BIT, _FAST_OPEN, NO), _verdict(ALLOW)]


def _none_of(place: int, values: Sequence[int]) -> Block:
    return [*_argument(place), *(each for value in values for each in _if(_EQUAL, value, NO)), _verdict(ALLOW)]


def _argument(place: int, half: int = 0) -> Block:
    """Load the lower half of an argument (both processors put it first), or with 4 the upper one."""
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * place + half)]


def _if(test: int, value: int, verdict: int) -> Block:
    return [(test, 0, 1, value), _verdict(verdict)]


def _verdict(verdict: int) -> Instruction:
    return (_RETURN, 0, 0, verdict)
