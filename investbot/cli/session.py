"""One run of the command line: its home, its passphrase (asked for once and only when needed), its output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from investbot.cli.options import GlobalOptions
from investbot.cli.output import Face, Output
from investbot.cli.passphrase import find_passphrase
from investbot.domain.errors import UsageError


class Session:
    """What every command is given; nothing is read before it is asked for."""

    def __init__(self, options: GlobalOptions, environment: Mapping[str, str] | None = None) -> None:
        """Take the options of the line and the environment (the process's own when left out)."""
        self.options = options
        self.environment = os.environ if environment is None else environment
        self.output = Output(Face.JSON if options.json else Face.QUIET if options.quiet else Face.HUMAN)
        self.secrets: list[str] = []
        """Texts that must not be shown, whatever fails."""
        self._passphrase: str | None = None

    def passphrase(self, home: Path, *, new: bool = False) -> str:
        """Give the passphrase of `home`, asking for it at most once; VaultError when there is none to be had."""
        if self._passphrase is None:
            self._passphrase = find_passphrase(
                self.options.passphrase_file, home, self.environment, self.output.warn, new=new
            )
            self.secrets.append(self._passphrase)
        return self._passphrase

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits at a terminal."""
        return sys.stdin.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something that cannot be undone; UsageError where nobody can answer or the answer is no."""
        if yes:
            return
        if not self.can_ask:
            message = f"{question} There is no terminal to ask on: add --yes to do it."
            raise UsageError(message)
        if not self.agrees(question):
            message = "Nothing was done."
            raise UsageError(message)

    def agrees(self, question: str) -> bool:
        """Ask somebody at a terminal; anything but yes is no."""
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
