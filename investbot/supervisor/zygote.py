"""The fork server's side: a process of one thread that has read the program, and divides when it is asked to.

A request is one message on a SOCK_SEQPACKET socket with three descriptors: the sealed data key, the file for last
words, and a gate. The child is forked twice, so that it becomes the supervisor's own (PR_SET_CHILD_SUBREAPER), and does
nothing before a byte has come through the gate: where the supervisor has not learnt its pid, it ends unseen.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import faulthandler
import json
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from investbot.domain.errors import InvariantError

LONGEST = 1 << 12
"""Bytes of a message, names of instances being short."""
DESCRIPTORS = 3
"""How many come with a request: data key, file for last words, gate."""
_PR_SET_NAME = 15
_ARG_START, _ARG_END = 45, 46
"""Places of the command line's ends behind the command's closing bracket in /proc/PID/stat (proc(5): fields 48, 49)."""


@dataclass(frozen=True, slots=True)
class Nursery:
    """What a fork server is for: `prepare` reads what instance `name` will need, `live` is the instance.

    `live` takes the name and the descriptor of its data key, and gives an exit code; `title` gives the command line
    that its process shows.
    """

    prepare: Callable[[str], None]
    live: Callable[[str, int], int]
    title: Callable[[str], list[str]]


def demand_clean(control: socket.socket, handed: Sequence[int] = ()) -> None:
    """Refuse to be copied with threads or open files that must not be shared; `handed` came with a request.

    InvariantError.
    """
    threads = len(list(Path("/proc/self/task").iterdir()))
    strange = sorted(open_descriptors() - {0, 1, 2, control.fileno(), *handed})
    if threads != 1 or strange:
        raise InvariantError(f"The fork server has {threads} threads and the open descriptors {strange}; not copied.")


def open_descriptors() -> set[int]:
    """Name the open descriptors of this process, that of the look itself left out."""
    found = set()
    for entry in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            os.fstat(int(entry.name))
            found.add(int(entry.name))
    return found


def serve(control: socket.socket, nursery: Nursery) -> None:
    """Say that it is ready, then make a child for each request until the supervisor hangs up; InvariantError."""
    demand_clean(control)
    control.send(json.dumps({"ready": os.getpid()}).encode())
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, LONGEST, DESCRIPTORS)
        if not message:
            return
        try:
            if len(descriptors) != DESCRIPTORS:
                raise InvariantError(f"A request came with {len(descriptors)} descriptors instead of {DESCRIPTORS}.")
            name = str(json.loads(message)["name"])
            nursery.prepare(name)
            demand_clean(control, descriptors)
            answer = _bear(control, nursery, name, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        control.send(json.dumps(answer).encode())


def _bear(control: socket.socket, nursery: Nursery, name: str, descriptors: list[int]) -> dict[str, Any]:
    """Fork twice; give the pid of the grandchild once its parent is gone, or why there is none."""
    reading, writing = os.pipe()
    try:
        middle = os.fork()
        if middle == 0:
            _divide(control, nursery, name, descriptors, (reading, writing))
        os.waitpid(middle, 0)
        os.close(writing)
        writing = -1
        told = os.read(reading, LONGEST)
        return dict(json.loads(told)) if told else {"errno": errno.EAGAIN}
    except OSError as error:
        return {"errno": error.errno}
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def _divide(
    control: socket.socket, nursery: Nursery, name: str, descriptors: list[int], word: tuple[int, int]
) -> NoReturn:
    """Fork the instance and end, so that it falls to the supervisor."""
    try:
        try:
            child = os.fork()
        except OSError as error:
            os.write(word[1], json.dumps({"errno": error.errno}).encode())
        else:
            if child == 0:
                _be(nursery, name, descriptors, (*word, control.detach()))
            os.write(word[1], json.dumps({"pid": child}).encode())
    finally:
        os._exit(0)


def _be(nursery: Nursery, name: str, descriptors: list[int], foreign: tuple[int, ...]) -> NoReturn:
    """Become the instance: a session, descriptors, chance and a title of its own; end with its exit code."""
    code = InvariantError.exit_code
    try:
        for descriptor in foreign:
            os.close(descriptor)
        key, words, gate = descriptors
        os.setsid()
        os.dup2(words, 2)
        os.close(words)
        if os.read(gate, 1):
            os.close(gate)
            faulthandler.enable(2)
            _reseed()
            show_title(nursery.title(name), f"ib:{name}")
            code = nursery.live(name, key)
    finally:
        failure = sys.exc_info()
        if failure[0] is not None:
            sys.excepthook(*failure)
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _reseed() -> None:
    """Give this process chances of its own; the standard library's `random` sees to itself."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()


def show_title(words: list[str], short: str) -> None:
    """Show another command line (in the room of the old one, cut to it) and a short name of 15 bytes (prctl(2))."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        stat = Path("/proc/self/stat").read_bytes()
        fields = stat[stat.rindex(b")") + 2 :].split()
        begin, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        line = b"\0".join(os.fsencode(word) for word in words)[: max(0, end - begin - 1)]
        if end > begin > 0:
            ctypes.memmove(begin, line.ljust(end - begin, b"\0"), end - begin)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NAME, short.encode()[:15], 0, 0, 0)
    sys.argv = [words[0], *words[3:]]
