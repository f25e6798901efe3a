"""A whole policy: what is asked of the kernel, what is told of it, and a process that it was put on."""

from __future__ import annotations

import errno
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from investbot.adapters.isolation.confine import confine, probe
from investbot.adapters.isolation.kernel import ThisKernel
from investbot.adapters.isolation.policy import Layer, Limits, Policy, Report, apart, switched_off
from tests.unit.adapters.isolation.machine import FakeKernel

WHOLE = """
import json, os, resource, subprocess, sys, threading
from pathlib import Path
from investbot.adapters.isolation.confine import confine
from investbot.adapters.isolation.policy import Policy
folder = Path(sys.argv[1])
report = confine(Policy(read=(folder / "read",), write=(folder / "write",)))
status = Path("/proc/self/status")
def tell(act):
    try:
        act()
    except OSError as refusal:
        return refusal.errno
    return 0
seen = []
thread = threading.Thread(target=lambda: seen.append(tell(lambda: (folder / "other" / "file").read_text())))
thread.start()
thread.join()
print(json.dumps({
    "read": tell(lambda: (folder / "read" / "file").read_text()),
    "write": tell(lambda: (folder / "write" / "new").write_text("x")),
    "other": tell(lambda: (folder / "other" / "file").read_text()),
    "change": tell(lambda: (folder / "read" / "file").write_text("x")),
    "thread": seen[0],
    "fork": tell(os.fork),
    "limit": resource.getrlimit(resource.RLIMIT_MSGQUEUE)[1],
    "layers": report.data(),
}))
"""


def test_a_process_is_confined_as_far_as_its_kernel_can(tmp_path: Path) -> None:
    for name in ("read", "write", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    done = subprocess.run([sys.executable, "-c", WHOLE, str(tmp_path)], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    state, layers = told["layers"].pop("state"), told.pop("layers")
    assert layers == dict(probe().layers)
    assert state in {"on", "degraded"}
    assert told["limit"] == told["read"] == told["write"] == 0
    files = 0 if "no Landlock" in layers["files"] else errno.EACCES
    assert (told["other"], told["change"], told["thread"]) == (files, files, files)
    assert told["fork"] == (errno.EPERM if layers["calls"] == "on" else 0)


def test_everything_is_asked_for_and_the_filter_last() -> None:
    kernel = FakeKernel()
    report = confine(Policy(limits=Limits(open_files=7, file_bytes=8, data_bytes=9)), kernel)
    assert (report.state, report.missing) == ("on", {})
    assert set(report.layers) == {str(layer) for layer in Layer}
    assert kernel.options == [(38, 1), (4, 0)]
    assert kernel.limits == {
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 7,
        resource.RLIMIT_FSIZE: 8,
        resource.RLIMIT_DATA: 9,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    assert [number for number, _ in kernel.asked if number not in {444, 445}] == [125, 126, 446, 317]


def test_of_privileges_only_those_stay_that_open_own_files() -> None:
    class Root(FakeKernel):
        def call(self, number: int, *arguments: object) -> int:
            if number == 125:
                arguments[1]._obj.raw = b"\xff" * 24  # type: ignore[attr-defined]
            if number == 126:
                self.limits[-1] = int.from_bytes(arguments[1]._obj.raw, "little")  # type: ignore[attr-defined]
            return super().call(number, *arguments)

    kernel = Root()
    confine(Policy(), kernel)
    kept = kernel.limits[-1].to_bytes(24, "little")
    assert kept == (0b1010).to_bytes(4, "little") * 2 + bytes(16)


def test_what_is_not_in_force_is_told() -> None:
    report = confine(Policy(), FakeKernel(abi=3, fails={126: errno.EPERM}))
    assert report.state == "degraded"
    assert set(report.missing) == {"ports", "sockets", "privileges"}
    assert report.missing["privileges"] == "privileges were not given up (Operation not permitted)"
    strange = confine(Policy(), FakeKernel(abi=0, machine="riscv64"))
    assert set(strange.missing) == {"files", "ports", "sockets", "signals", "calls", "privileges"}


def test_a_probe_changes_nothing() -> None:
    kernel = FakeKernel(abi=7)
    assert set(probe(kernel).missing) == {"sockets"}
    assert kernel.options == [(21,)]
    assert kernel.limits == {}
    assert "filters no system calls" in probe(FakeKernel(fails={21: errno.EINVAL})).layers["calls"]
    assert "not known" in probe(FakeKernel(machine="mips")).layers["signals"]


def test_a_report_says_how_it_stands() -> None:
    assert switched_off().state == "off"
    assert switched_off().data() == {"state": "off", **{str(layer): "off" for layer in Layer}}
    assert Report({"files": "on", "ports": "off"}).state == "degraded"


def test_a_limit_is_lowered_and_never_raised() -> None:
    program = (
        "import resource; from investbot.adapters.isolation.kernel import ThisKernel;"
        "k = ThisKernel(); k.limit(resource.RLIMIT_NOFILE, 100); k.limit(resource.RLIMIT_NOFILE, 200);"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "(100, 100)\n"


def test_a_call_that_is_not_there_is_an_error() -> None:
    kernel = ThisKernel()
    assert kernel.machine
    assert kernel.threads() >= 1
    with pytest.raises(OSError, match="not implemented"):
        kernel.call(100_000)


def tree(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)


def test_folders_are_given_without_what_is_private(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "lib/python",
        "checkout/package",
        "checkout/secrets",
        "checkout/home/instances",
        "checkout/home/venv/x",
    )
    home = tmp_path / "checkout" / "home"
    for module in ("package/__init__.py", "module.py", "notes.txt", "home/__init__.py", "home/instances/__init__.py"):
        (tmp_path / "checkout" / module).touch()
    (tmp_path / "checkout" / "link").symlink_to(home / "instances")
    (tmp_path / "checkout" / "gone.py").symlink_to(tmp_path / "nowhere")
    paths = [tmp_path / "lib", tmp_path / "checkout", home, home / "instances", home / "venv" / "x", tmp_path / "no"]
    assert apart(paths, home, [home / "venv"]) == [
        tmp_path / "lib",
        tmp_path / "checkout" / "module.py",
        tmp_path / "checkout" / "package",
        home / "venv" / "x",
    ]
    assert apart([tmp_path], home) == []


def test_a_folder_that_is_the_home_is_not_given_even_as_the_program(tmp_path: Path) -> None:
    tree(tmp_path, "home/instances")
    assert apart([tmp_path / "home"], tmp_path / "home", [tmp_path / "home"]) == []
