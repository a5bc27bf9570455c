"""``uav-tracker train``: train a network's weights; the options are those of the bare entry."""

from __future__ import annotations

import inspect
import time
import typing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Optional

import typer

from uav_tracker_ros.errors import BackendUnavailable
from uav_tracker_ros.training.options import RECIPE_NAMES, TrainOptions


def train(recipe: str, **given: Any) -> None:
    """Train weights from folders of pictures; an interrupted run in the same --out goes on.

    Writes state.pt, log.csv with log.png, and best.safetensors and last.safetensors (averaged weights). Needs torch.
    docs/training.md says which recipe needs what, and what to run when a GPU is at hand.

    Example:  uav-tracker train siamfcpp_lite0 --data data/train --teacher lite0.pth --out out/train --minutes 60
    """
    started = time.monotonic()
    options = TrainOptions(**{**given, "data": tuple(given["data"])})
    try:
        from uav_tracker_ros.training.session import train as run
    except ImportError as error:
        raise BackendUnavailable(f"torch cannot be imported ({error}); training needs it; pip install torch") from error
    for name, value in run(recipe, options, started).items():
        print(f"{name} {value:.4g}")


def _signature() -> inspect.Signature:
    """The recipe, and one option for each field of :class:`TrainOptions`."""
    kinds = typing.get_type_hints(TrainOptions)
    recipe = inspect.Parameter(
        "recipe", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str,
        default=typer.Argument(..., help=f"One of {', '.join(RECIPE_NAMES)}."),
    )  # fmt: skip
    parameters = [recipe]
    for entry in fields(TrainOptions):
        kind = next((kind for kind in (bool, int, float, str) if kinds[entry.name] is kind), Path)
        annotation: Any = kind
        default: Any = ... if entry.default is MISSING else entry.default
        if entry.name == "data":
            annotation = list[Path]
        elif kind is Path and default is None:
            annotation = Optional[Path]  # noqa: UP045 - typer reads the object, and X | Y is another type
        option = typer.Option(default, help=entry.metadata["help"])
        parameters.append(
            inspect.Parameter(entry.name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=option)
        )
    return inspect.Signature(parameters)


train.__signature__ = _signature()  # type: ignore[attr-defined]
train.__annotations__ = {
    parameter.name: parameter.annotation
    for parameter in train.__signature__.parameters.values()  # type: ignore[attr-defined]
}
