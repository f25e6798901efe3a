"""What ctrl+p offers: every key of the screen by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from investbot.tui.screens.operating import OperatingScreen


def commands(app: App[Any], screen: Screen[Any]) -> Iterator[SystemCommand]:
    """Give the keys of an operating screen and of the application; the framework's themes and screenshots stay out."""
    if not isinstance(screen, OperatingScreen):
        return
    for name, active in screen.active_bindings.items():
        binding = active.binding
        if active.node in {app, screen} and binding.description and not binding.system:

            def run(action: str = binding.action) -> None:
                app.run_worker(app.run_action(action, screen))

            yield SystemCommand(binding.description.capitalize(), f"key {binding.key_display or name}", run)
