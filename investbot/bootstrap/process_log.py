"""The log of a process that is no instance: one file in the home's `run` folder, written from a thread of its own."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path

from investbot.adapters.log.json_lines import JsonLines, Redactor
from investbot.adapters.log.rotation import RotatingFile
from investbot.ports.clock import Clock


@contextmanager
def process_log(path: Path, clock: Clock, redactor: Redactor) -> Iterator[None]:
    """Send every log line of this process to `path`, from a thread: its loop never waits for the disk."""
    file = RotatingFile(path, clock)
    file.setFormatter(JsonLines(redactor))
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    handler, listener = QueueHandler(lines), QueueListener(lines, file)
    root, own = logging.getLogger(), logging.getLogger("investbot")
    before = own.level
    own.setLevel(logging.INFO)
    root.addHandler(handler)
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        own.setLevel(before)
        listener.stop()
        file.close()
