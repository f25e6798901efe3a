"""A small BPF machine, to see what a filter says about a call, and a kernel that notes what it is asked."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from investbot.adapters.isolation.seccomp import Block

X86_64, AARCH64, I386 = 0xC000003E, 0xC00000B7, 0x40000003


def verdict(code: Block, architecture: int, number: int, *arguments: int) -> int:
    """Run a filter over one call (the kernel's net/core/filter.c, the few operations that are used)."""
    shown = struct.pack(
        "<iIQ6Q", number, architecture, 0, *(each & (1 << 64) - 1 for each in (*arguments, *[0] * 6)[:6])
    )
    value = place = 0
    while True:
        operation, yes, no, constant = code[place]
        place += 1
        match operation:
            case 0x20:
                value = struct.unpack_from("<I", shown, constant)[0]
            case 0x54:
                value &= constant
            case 0x15:
                place += yes if value == constant else no
            case 0x35:
                place += yes if value >= constant else no
            case 0x45:
                place += yes if value & constant else no
            case 0x06:
                return constant
            case _:
                raise AssertionError(operation)


@dataclass
class FakeKernel:
    """A kernel of another make: `abi` is its Landlock, 0 for none; `fails` maps a call's number to an error number."""

    abi: int = 9
    machine: str = "x86_64"
    running: int = 1
    fails: dict[int, int] = field(default_factory=dict)
    asked: list[tuple[int, tuple[Any, ...]]] = field(default_factory=list)
    options: list[tuple[int, ...]] = field(default_factory=list)
    limits: dict[int, int] = field(default_factory=dict)
    rights: dict[str, int] = field(default_factory=dict)
    ports: list[tuple[int, int]] = field(default_factory=list)
    handled: tuple[int, int, int] = (0, 0, 0)

    def call(self, number: int, *arguments: Any) -> int:
        self.asked.append((number, arguments))
        if number in self.fails:
            raise OSError(self.fails[number], os.strerror(self.fails[number]))
        if number == 444:
            return self._landlock(arguments)
        if number == 445:
            self._rule(arguments)
        return 0

    def control(self, option: int, *arguments: int) -> int:
        self.options.append((option, *arguments))
        if option in self.fails:
            raise OSError(self.fails[option], os.strerror(self.fails[option]))
        return 0

    def limit(self, what: int, most: int) -> None:
        self.limits[what] = most

    def threads(self) -> int:
        return self.running

    def _landlock(self, arguments: tuple[Any, ...]) -> int:
        if not self.abi:
            raise OSError(errno.EOPNOTSUPP, "not supported")
        attributes, size, flags = arguments
        if flags == 1:
            return self.abi
        words = ctypes.string_at(ctypes.cast(attributes, ctypes.c_void_p), size)
        files, ports, scopes = struct.unpack("<3Q", words.ljust(24, b"\0"))
        self.handled = (files, ports, scopes)
        return os.open(os.devnull, os.O_RDONLY)

    def _rule(self, arguments: tuple[Any, ...]) -> None:
        _, kind, rule, _ = arguments
        where = ctypes.cast(rule, ctypes.c_void_p)
        if kind == 1:
            rights, handle = struct.unpack("<Qi", ctypes.string_at(where, 12))
            self.rights[str(Path(f"/proc/self/fd/{handle}").readlink())] = rights
        else:
            rights, port = struct.unpack("<QQ", ctypes.string_at(where, 16))
            self.ports.append((port, rights))
