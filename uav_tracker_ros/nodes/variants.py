"""Presets: ``config/VARIANT.yaml`` over ``config/base.yaml``, and what they mean for the gate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uav_tracker_ros.errors import InputUnreadable, InvalidParameter, ModelFileMissing, unknown_name
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.launch_options import FOLLOW_NAMES, LaunchOptions


@dataclass(frozen=True)
class Layer:
    """One layer of settings: a parameter file, or single parameters; later layers win."""

    path: Path | None = None
    parameters: tuple[tuple[str, str], ...] = ()


def config_directory() -> Path:
    """``config/`` of the source tree, else of the installed package.

    Raises:
        InputUnreadable: neither is there.
    """
    source = Path(__file__).resolve().parents[2] / "config"
    if (source / "base.yaml").is_file():
        return source
    try:
        from ament_index_python.packages import get_package_share_directory

        return Path(get_package_share_directory("uav_tracker_ros")) / "config"
    except (ImportError, LookupError, OSError) as error:  # OSError: no environment variable of ament
        raise InputUnreadable(
            f"no config/base.yaml beside the package and no installed share folder ({error}); "
            "build with colcon and source install/setup.bash, or run from the source tree"
        ) from error


def variant_names() -> list[str]:
    """The presets that ship as files."""
    return sorted({"default"} | {path.stem for path in config_directory().glob("*.yaml")} - {"base"})


def variant_layers(options: LaunchOptions) -> tuple[Layer, ...]:
    """Base, then the variant; a tracker's name serves as a variant too.

    Raises:
        UnknownName: neither a file nor a tracker.
    """
    folder = config_directory()
    base = Layer(folder / "base.yaml")
    path = folder / f"{options.variant}.yaml"
    if options.variant in variant_names():
        return (base, Layer(path)) if path.is_file() else (base,)
    trackers = _tracker_names()
    if options.variant in trackers:
        return (base, Layer(parameters=(("tracker.name", options.variant),)))
    raise unknown_name("variant", options.variant, [*variant_names(), *trackers])


def check_names(options: LaunchOptions) -> None:
    """Tracker and scenario exist.

    Raises:
        UnknownName: with the nearest known name.
    """
    if options.tracker and options.tracker not in (known := _tracker_names()):
        raise unknown_name("tracker", options.tracker, known)
    if options.camera_source == "sim":
        from uav_tracker_ros.simulation.scenarios import get

        get(options.scenario)


def check_tracker(options: LaunchOptions, layers: Iterable[Layer]) -> str:
    """The name of the tracker that will run; a launch ends here if it cannot, instead of in a node that starts anew.

    Raises:
        UnknownName: a file names a tracker that does not exist.
        ModelFileMissing: its weights are not here; the message says where they would come from.
    """
    from uav_tracker_ros.nodes.tracker_settings import TrackerSettings
    from uav_tracker_ros.trackers import registry

    values: dict[str, Any] = {}
    for layer in layers:
        values.update(read_parameters(layer.path) if layer.path is not None else layer.parameters)
    asked = {"name": options.tracker, "models_dir": options.models_dir, "peers_dir": options.peers_dir}
    given = {leaf: values.get(f"tracker.{leaf}") for leaf in (*asked, "max_gmacs")}
    given |= {leaf: value for leaf, value in asked.items() if value}
    settings = TrackerSettings(**{leaf: value for leaf, value in given.items() if value is not None})
    name = settings.chosen
    row = registry.describe(
        name,
        models_dir=Path(settings.models_dir) if settings.models_dir else None,
        peers_dir=Path(settings.peers_dir) if settings.peers_dir else None,
    )
    if row.message:
        raise ModelFileMissing(f"tracker '{name}' cannot run: {row.message}; choose another of `uav-tracker models`")
    return name


def follow_settings(options: LaunchOptions, layers: Iterable[Layer]) -> FollowSettings:
    """The follower's settings that result: defaults, layers, then what the user gave.

    Raises:
        UnknownName: a file names a setting that does not exist.
        InvalidParameter: a value outside its range.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        if layer.path is not None:
            values.update(_follow_leaves(layer.path))
    given = {name: getattr(options, name) for name in FOLLOW_NAMES if getattr(options, name) is not None}
    return FollowSettings(**values | given)


def read_parameters(path: Path) -> dict[str, Any]:
    """Dotted names and values of a ROS parameter file with the top key ``/**``.

    Raises:
        InputUnreadable: the file is missing or not such a file.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        tree = content["/**"]["ros__parameters"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputUnreadable(
            f"{path} is no parameter file ({type(error).__name__}: {error}); expected /**: ros__parameters: ..."
        ) from error
    return dict(_leaves(tree or {}, ""))


def _leaves(tree: dict[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _follow_leaves(path: Path) -> dict[str, Any]:
    fields = {item.name: item for item in dataclasses.fields(FollowSettings)}
    leaves: dict[str, Any] = {}
    for name, value in read_parameters(path).items():
        group, _, leaf = name.partition(".")
        if group != "follow":
            continue
        if leaf not in fields:
            raise unknown_name(f"setting in {path.name}", leaf, fields)
        default = fields[leaf].default
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            raise InvalidParameter(f"{name} in {path.name} is the integer {value}; expected a float: write {value}.0")
        leaves[leaf] = math.nan if value is None else value
    return leaves


def _tracker_names() -> list[str]:
    from uav_tracker_ros.trackers.registry import names

    return names()
