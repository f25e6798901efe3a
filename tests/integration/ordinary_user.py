"""Becomes another user and runs a command: `python ordinary_user.py UID PROGRAM ARGUMENT…`, as root.

Where that user may not go where the interpreter lies (a folder of root's own), the way is laid open in a mount
namespace of this process alone; the machine is left as it is.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from pathlib import Path

_NEW_NAMESPACE, _PRIVATE, _RECURSIVE, _BIND = 0x20000, 1 << 18, 1 << 14, 1 << 12


def barred(path: Path) -> Path | None:
    """Give the first folder on the way to a path that others may not go through."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def lay_open(path: Path) -> None:
    """Let others go to what lies at `path`, for this process and its children."""
    library = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
        words = [each.encode() for each in (source, target, kind)]
        if library.mount(*words, ctypes.c_ulong(flags), options.encode()):
            raise OSError(ctypes.get_errno(), f"mount {source} {target}")

    if barred(path):
        if library.unshare(_NEW_NAMESPACE):
            raise OSError(ctypes.get_errno(), "unshare")
        mount("none", "/", "", _PRIVATE | _RECURSIVE)
    while folder := barred(path):
        within = folder / path.relative_to(folder).parts[0]
        handle = os.open(within, os.O_PATH)
        mount("tmpfs", str(folder), "tmpfs", 0, "mode=0755")
        within.mkdir()
        mount(f"/proc/self/fd/{handle}", str(within), "", _BIND | _RECURSIVE)
        os.close(handle)


def become(uid: int) -> None:
    """Be an ordinary user with no groups and no privileges, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def main(uid: int, *command: str) -> None:
    for path in (Path(sys.executable).resolve(), Path(__file__).resolve()):
        lay_open(path)
    become(uid)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
