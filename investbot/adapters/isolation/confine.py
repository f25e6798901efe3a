"""Puts a policy into force for this process, for good, and reports what of it the kernel could do."""

from __future__ import annotations

import ctypes
import resource
import struct

from investbot.adapters.isolation import landlock, seccomp
from investbot.adapters.isolation.calls import ARCHITECTURES
from investbot.adapters.isolation.kernel import CAPABILITIES, Kernel, ThisKernel
from investbot.adapters.isolation.policy import ON, Layer, Limits, Policy, Report

_DUMPABLE, _NO_NEW_PRIVILEGES = 4, 38
_VERSION_3 = 0x20080522
_KEPT = 1 << 1 | 1 << 3
"""CAP_DAC_OVERRIDE and CAP_FOWNER: a home may lie on a disk of another user; which files, Landlock says."""
_GET_SECCOMP = 21


def confine(policy: Policy, kernel: Kernel | None = None) -> Report:
    """Restrict this process to `policy`; no thread of it and nothing it starts can ever undo that.

    Call it before there are other threads. InvariantError where threads would stay free.
    """
    asked = kernel or ThisKernel()
    asked.control(_NO_NEW_PRIVILEGES, 1)
    asked.control(_DUMPABLE, 0)
    layers: dict[str, str] = {}
    layers |= {Layer.LIMITS: _limit(asked, policy.limits)}
    layers |= {Layer.PRIVILEGES: _give_up_privileges(asked)}
    layers |= landlock.enforce(asked, policy)
    layers |= seccomp.enforce(asked, policy)
    return Report({str(layer): layers[layer] for layer in Layer})


def probe(kernel: Kernel | None = None) -> Report:
    """Tell what of a policy this machine could put into force, and change nothing."""
    asked = kernel or ThisKernel()
    known = asked.machine in ARCHITECTURES
    calls = ON if known else f"system calls of {asked.machine} are not known: {' and '.join(ARCHITECTURES)} are"
    if known:
        try:
            asked.control(_GET_SECCOMP)
        except OSError as refusal:
            calls = f"this kernel filters no system calls ({refusal.strerror})"
    layers: dict[str, str] = {**dict.fromkeys(Layer, ON), **landlock.lacks(landlock.abi(asked))}
    layers |= {Layer.CALLS: calls, Layer.SIGNALS: calls}
    return Report({str(layer): layers[layer] for layer in Layer})


def _limit(kernel: Kernel, limits: Limits) -> str:
    """Lower the limits; that of message queues, which nobody needs, is also how a supervisor knows such a process."""
    wanted = {
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_DATA: limits.data_bytes,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    for what, most in wanted.items():
        kernel.limit(what, most)
    return ON


def _give_up_privileges(kernel: Kernel) -> str:
    """Keep of root's capabilities only those that let it use its own files (capget(2), capset(2))."""
    if kernel.machine not in CAPABILITIES:
        return f"system calls of {kernel.machine} are not known; root would keep its privileges"
    look, change = CAPABILITIES[kernel.machine]
    head = ctypes.create_string_buffer(struct.pack("<Ii", _VERSION_3, 0), 8)
    body = ctypes.create_string_buffer(24)
    try:
        kernel.call(look, ctypes.byref(head), ctypes.byref(body))
        kept = struct.unpack_from("<I", body.raw, 4)[0] & _KEPT
        body.raw = struct.pack("<6I", kept, kept, 0, 0, 0, 0)
        kernel.call(change, ctypes.byref(head), ctypes.byref(body))
    except OSError as refusal:
        return f"privileges were not given up ({refusal.strerror})"
    return ON
