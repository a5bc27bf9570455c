"""Command-line options made from launch arguments: one name, one range, one text for both."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, Optional

import typer

from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.launch_options import ARGUMENTS, FOLLOW_NAMES, Argument

FOLLOWER_PANEL = "Follower (checked against their ranges)"
ADVANCED_PANEL = "Tracker, camera and processes"


def launch_arguments(omit: Collection[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: gives a command one option for each launch argument that it does not name itself.

    The command receives what was given as one dictionary ``launch``; what was not given is absent,
    so that the variant's files decide.

    Args:
        omit: launch arguments that get no option.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != "launch"]
        skipped = {*omit, *(parameter.name for parameter in own)}
        added = [_parameter(name, argument) for name, argument in ARGUMENTS.items() if name not in skipped]
        names = {parameter.name for parameter in added}

        @functools.wraps(command)
        def wrapper(**values: Any) -> Any:
            launch = {name: values.pop(name) for name in names & values.keys()}
            return command(**values, launch={name: value for name, value in launch.items() if value is not None})

        parameters = [*own, *added]
        wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapper

    return decorate


def _parameter(name: str, argument: Argument) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    option = typer.Option(
        None,
        f"{flag}/--no-{flag[2:]}" if argument.kind is bool else flag,
        help=_help(name, argument),
        rich_help_panel=FOLLOWER_PANEL if name in FOLLOW_NAMES else ADVANCED_PANEL,
        show_default=False,
        metavar=None if argument.kind is bool else (argument.unit or argument.kind.__name__).upper(),
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option,
        annotation=Optional[argument.kind],  # noqa: UP045 - typer reads the object, and X | Y is another type
    )


def _help(name: str, argument: Argument) -> str:
    text = argument.description.partition("; empty:")[0]
    facts = []
    if argument.choices:
        facts.append(", ".join(choice for choice in argument.choices if choice))
    elif argument.low is not None and argument.high is not None:
        facts.append(f"{argument.low:g} to {argument.high:g} {argument.unit}".strip())
    if name in FOLLOW_NAMES:
        default = FollowSettings.__dataclass_fields__[name].default
        if default is not False and str(default) != "nan":  # the text says what NaN means
            facts.append(f"default {default}")
    return f"{text[0].upper()}{text[1:]}. [dim]({'; '.join(facts)})[/dim]" if facts else f"{text[0].upper()}{text[1:]}."
