"""Landlock (landlock(7)): which files a process may open, which TCP ports, whom it may signal. No root is needed.

The numbers are those of the kernel's include/uapi/linux/landlock.h; what an older kernel lacks is named, not assumed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from investbot.adapters.isolation.kernel import Kernel
from investbot.adapters.isolation.policy import ON, Layer, Policy
from investbot.domain.errors import InvariantError

NEWEST = 9
"""The newest ABI whose rights stand here; a newer kernel is asked for these."""
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_BENEATH, _PORT = 1, 2
_ALL_THREADS = 1 << 3

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
TRUNCATE, RESOLVE_UNIX = 1 << 14, 1 << 16
BIND_TCP, CONNECT_TCP = 1, 2
_SCOPES = 0b11
"""Abstract Unix sockets, signals: only within."""

_FILES = ((1, (1 << 13) - 1), (2, 1 << 13), (3, TRUNCATE), (5, 1 << 15), (9, RESOLVE_UNIX))
"""From which ABI on which rights of files are known. Executing is among them and is given to nothing."""
_OF_FILES = WRITE_FILE | READ_FILE | TRUNCATE
_READ = READ_FILE | READ_DIR
_WRITE = _READ | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Port(ctypes.Structure):
    _fields_ = (("rights", ctypes.c_uint64), ("port", ctypes.c_uint64))


def abi(kernel: Kernel) -> int:
    """Ask which ABI there is; 0 for none."""
    try:
        return kernel.call(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def lacks(version: int) -> dict[str, str]:
    """Say of each layer what an ABI gives of it: ON, or in one sentence what is missing."""
    if not version:
        why = "this kernel has no Landlock (Linux 5.13 and newer; see lsm= on its command line)"
        return dict.fromkeys((Layer.FILES, Layer.PORTS, Layer.SOCKETS), why)
    return {
        Layer.FILES: ON if version >= 3 else "truncating by path is refused by seccomp alone: Linux 6.2 has more",
        Layer.PORTS: ON if version >= 4 else "every TCP port of the world can be reached: Linux 6.7 closes that",
        Layer.SOCKETS: ON
        if version >= NEWEST
        else "sockets of other programs with a path can be called: Linux 7.1 closes that"
        if version >= 6
        else "sockets of other programs can be called: Linux 6.12 closes the abstract ones, 7.1 all",
    }


def enforce(kernel: Kernel, policy: Policy) -> dict[str, str]:
    """Restrict this process to a policy for good; say of each layer ON, or what is missing of it.

    InvariantError where there are threads that it would not reach (before ABI 8 it is taken one thread at a time).
    """
    version = abi(kernel)
    if not version:
        return lacks(version)
    if version < 8 and (threads := kernel.threads()) != 1:
        raise InvariantError(f"The process has {threads} threads already and cannot be isolated whole.")
    files = sum(rights for since, rights in _FILES if version >= since)
    ports = BIND_TCP | CONNECT_TCP if version >= 4 else 0
    attributes = _Ruleset(files, ports, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = kernel.call(_CREATE, ctypes.byref(attributes), size, 0)
    try:
        for paths, rights in ((policy.read, _READ), (policy.write, _WRITE), (policy.meet, RESOLVE_UNIX)):
            _allow_paths(kernel, ruleset, paths, rights & files)
        if ports:
            _allow_ports(kernel, ruleset, policy.connect, CONNECT_TCP)
            _allow_ports(kernel, ruleset, policy.listen, BIND_TCP)
        kernel.call(_RESTRICT, ruleset, _ALL_THREADS if version >= 8 else 0)
    finally:
        os.close(ruleset)
    return lacks(version)


def _allow_paths(kernel: Kernel, ruleset: int, paths: Iterable[Path], rights: int) -> None:
    for path in paths if rights else ():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                folder = stat.S_ISDIR(os.fstat(handle).st_mode)
                fitting = rights if folder else rights & (_OF_FILES | RESOLVE_UNIX)
                if fitting:
                    rule = _Beneath(fitting, handle)
                    kernel.call(_ADD, ruleset, _BENEATH, ctypes.byref(rule), 0)
            finally:
                os.close(handle)


def _allow_ports(kernel: Kernel, ruleset: int, ports: Iterable[int], right: int) -> None:
    for port in sorted(set(ports)):
        kernel.call(_ADD, ruleset, _PORT, ctypes.byref(_Port(right, port)), 0)
