"""The bare entry: from the source tree, with torch, NumPy, OpenCV and safetensors alone.

python -m uav_tracker_ros.training siamfcpp_lite0 --data DIR --data DIR --teacher FILE.pth --out DIR --minutes 9
"""

from __future__ import annotations

import time

_STARTED = time.monotonic()  # importing torch counts too

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import typing  # noqa: E402
from dataclasses import MISSING, fields  # noqa: E402
from pathlib import Path  # noqa: E402

from uav_tracker_ros.errors import UavTrackerError  # noqa: E402
from uav_tracker_ros.training.options import TrainOptions  # noqa: E402
from uav_tracker_ros.training.session import RECIPES, train  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """One option for each field of :class:`TrainOptions`."""
    made = argparse.ArgumentParser(prog="python -m uav_tracker_ros.training", description=__doc__)
    made.add_argument("recipe", choices=list(RECIPES))
    kinds = typing.get_type_hints(TrainOptions)
    for entry in fields(TrainOptions):
        flag, text = f"--{entry.name.replace('_', '-')}", entry.metadata["help"].replace("%", "%%")
        if entry.name == "data":
            made.add_argument(flag, type=Path, action="append", required=True, help=text)
        elif kinds[entry.name] is bool:
            made.add_argument(flag, action=argparse.BooleanOptionalAction, default=entry.default, help=text)
        else:
            kind = next((kind for kind in (int, float, str) if kinds[entry.name] is kind), Path)
            required = entry.default is MISSING
            default = None if required else entry.default
            made.add_argument(flag, type=kind, required=required, default=default, help=text)
    return made


def main() -> int:
    """Read the options, train, print the figures as JSON."""
    given = vars(parser().parse_args())
    recipe = given.pop("recipe")
    try:
        figures = train(recipe, TrainOptions(**{**given, "data": tuple(given["data"])}), _STARTED)
    except UavTrackerError as error:
        print(f"training: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(json.dumps(figures))  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
