"""Which module serves which verb: only the module of the verb that was asked for is imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import typer

from investbot.cli.options import HELP

FLEET = "The fleet"
RUN = "Running instances"
LOOK = "Looking"
MONEY = "Money and settings"
RESEARCH = "Research"

# Module of investbot.cli.commands -> the verbs it brings, in the order of the help.
MODULES: dict[str, tuple[str, ...]] = {
    "init": ("init",),
    "profiles": ("profiles",),
    "create": ("create",),
    "remove": ("remove",),
    "keys": ("keys",),
    "up": ("up", "down"),
    "lifecycle": ("start", "stop", "restart", "pause", "resume"),
    "flatten": ("flatten", "close"),
    "panic": ("panic",),
    "run": ("run",),
    "status": ("status", "show", "top"),
    "health": ("health",),
    "rows": ("positions", "orders", "fills", "events", "equity"),
    "trips": ("trips",),
    "signals": ("signals",),
    "intelligence": ("intelligence",),
    "logs": ("logs",),
    "dash": ("dash",),
    "money": ("capital", "size"),
    "config": ("config",),
    "vault": ("vault",),
    "backup": ("backup",),
    "migrate": ("migrate",),
    "audit": ("audit",),
    "notify": ("notify",),
    "doctor": ("doctor",),
    "strategies": ("strategies",),
    "backtest": ("backtest",),
    "choose_stop": ("choose-stop",),
    "analyze": ("analyze",),
    "version": ("version",),
}
_MODULE_OF = {verb: module for module, verbs in MODULES.items() for verb in verbs}

Command = Callable[..., Any]


def build(verb: str | None) -> typer.Typer:
    """Make the program with the commands of one verb's module, or all of them for help and mistyped verbs."""
    module = _MODULE_OF.get(verb or "")
    app = typer.Typer(
        name="investbot",
        help="A fleet of isolated, encrypted trading instances behind one command line.",
        epilog=HELP,
        add_completion=module is None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_program)
    for name in MODULES if module is None else (module,):
        importlib.import_module(f"investbot.cli.commands.{name}").register(app)
    return app


def add(
    app: typer.Typer, name: str, *examples: str, panel: str | None = None, negative: bool = False
) -> Callable[[Command], Command]:
    """Register a command with the examples its help shows; a test runs each of them.

    With `negative` a number below zero reaches the command, which says more of it than that it is no option.
    """
    settings = {"ignore_unknown_options": True} if negative else None
    return app.command(name, epilog=example_text(examples), rich_help_panel=panel, context_settings=settings)


def family(app: typer.Typer, name: str, summary: str, *, panel: str) -> typer.Typer:
    """Register a command that has commands of its own."""
    made = typer.Typer(name=name, help=summary, no_args_is_help=False)
    app.add_typer(made, rich_help_panel=panel)
    made.callback()(_program)
    return made


def example_text(examples: tuple[str, ...]) -> str:
    """Lay out examples for the end of a command's help."""
    return "\n\n".join(f"Example: {example}" for example in examples)


def _program(context: typer.Context) -> None:
    pass
