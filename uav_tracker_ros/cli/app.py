"""The command line: one file a command, errors as one clear line.

A command's module has a function of the command's name, or a ``typer.Typer`` called ``app`` if it has
commands of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence

import typer

from uav_tracker_ros.errors import UavTrackerError

COMMANDS = (
    "follow",
    "control",
    "replay",
    "track",
    "models",
    "evaluate",
    "calibrate",
    "benchmark",
    "prune",
    "rank",
    "train",
    "export",
)
INTERRUPTED = 130  # what shells expect after Ctrl-C


def build_app() -> typer.Typer:
    """The Typer application with every command of this installation."""
    app = typer.Typer(
        name="uav-tracker",
        help="Lets a drone follow what its operator points at.",
        epilog="Begin with:  uav-tracker follow    or    uav-tracker track VIDEO --box 318,139,23,19",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def _root() -> None:
        """Lets a drone follow what its operator points at."""

    for name in COMMANDS:
        module_name = f"uav_tracker_ros.cli.{name}"
        if importlib.util.find_spec(module_name) is None:
            continue
        module = importlib.import_module(module_name)
        own_app = getattr(module, "app", None)
        if isinstance(own_app, typer.Typer):
            app.add_typer(own_app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 only when it did what it says.

    Args:
        argv: arguments without the program's name; None: those of the process.
    """
    try:
        build_app()(list(argv) if argv is not None else None, prog_name="uav-tracker")
    except SystemExit as end:  # how Typer ends, also in success
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except UavTrackerError as error:
        print(f"uav-tracker: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("uav-tracker: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0
