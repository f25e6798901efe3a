"""A companion that may ask is answered on a socket of its own, and hurts nobody whatever it asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from investbot.domain.states import InstanceState as State
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.companions import Companion, Companions
from investbot.supervisor.process_keeper import Bench

PATIENCE = lc.Patience(stop_s=1.0, abort_s=0.5, start_s=20.0, heartbeat_s=30.0)
SOURCE = """
import argparse, os, socket, time
parser = argparse.ArgumentParser()
parser.add_argument("--home")
parser.add_argument("--ready-fd", type=int)
parser.add_argument("--ask-fd", type=int)
given = parser.parse_args()
door = socket.socket(fileno=given.ask_fd)
for question in (b"one", b"nothing", b"two"):
    door.send(question)
    with open(os.path.join(given.home, "told"), "ab") as file:
        file.write(door.recv(100) + b"\\n")
AFTER
os.write(given.ready_fd, b"x")
time.sleep(600)
"""


async def told(home: Path, answer: Callable[[bytes], bytes], after: str = "") -> bytes:
    (home / "run").mkdir()
    (home / "asks.py").write_text(SOURCE.replace("AFTER", after))
    bench = Bench(home, time.monotonic, lambda: None, lambda name, life: None, PATIENCE, lambda: 0.5)
    companions = Companions([Companion("asks", (str(home / "asks.py"),), answer=answer)], bench)
    companions.open()
    try:
        (keeper,) = companions.keepers
        assert await keeper.until(lambda life: life.state is State.RUNNING, 60), keeper.life
        await asyncio.sleep(0.1)
        return (home / "told").read_bytes()
    finally:
        await companions.close()


async def test_every_question_has_an_answer(tmp_path: Path) -> None:
    answers = {b"one": b"1", b"two": b"2", b"nothing": b""}
    assert await told(tmp_path, answers.__getitem__) == b"1\n\0\n2\n"


async def test_one_that_asks_and_leaves_hurts_nobody(tmp_path: Path) -> None:
    after = "door.send(b'late'); door.close()"
    assert await told(tmp_path, lambda question: question, after) == b"one\nnothing\ntwo\n"
