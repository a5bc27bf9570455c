"""The one table of processes: ``launch/*.launch.py`` and ``runner.py`` start what it says.

Pure: no ROS, nothing is started here. A row is a node (gets ``--ros-args``) or the gate (plain
options). Values that the user left open come from ``config/base.yaml`` and, over it,
``config/VARIANT.yaml``; what the user gave wins.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.launch_options import FOLLOW_NAMES, VEHICLE_DEFAULT, LaunchOptions
from uav_tracker_ros.nodes.variants import (
    check_names,
    check_tracker,
    config_directory,
    follow_settings,
    variant_layers,
)

__all__ = ["LaunchOptions", "ProcessSpec", "gate_socket", "gate_url", "process_table"]

Value = str | float | int | bool

# Diagnostics of every namespace meet in one place, as ROS's tools expect.
DIAGNOSTICS = (("diagnostics", "/diagnostics"),)


@dataclass(frozen=True)
class ProcessSpec:
    """One process.

    ``stop_stage`` orders the end: 0 first (nothing more is asked of the vehicle), 1 the gate
    (brakes and holds), 2 what the gate needs for that (the simulated vehicle).
    """

    name: str
    module: str  # run as ``python -m module``; empty: ``executable`` is a program on PATH
    executable: str  # file in lib/<package> for ros2 run and ros2 launch
    is_node: bool = True
    node_name: str = ""
    namespace: str = ""
    parameters: tuple[tuple[str, Value], ...] = ()
    parameter_files: tuple[str, ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    respawn: bool = False
    package: str = "uav_tracker_ros"
    log_level: str = ""
    stop_stage: int = 0


def process_table(options: LaunchOptions) -> tuple[ProcessSpec, ...]:
    """What has to run, in the order of starting.

    Raises:
        UnknownName: variant, tracker, backend or scenario that does not exist.
        ModelFileMissing: the tracker's weights are not here.
        InvalidParameter: a value outside its range, or options that contradict each other.
    """
    options.check()
    check_names(options)
    layers = variant_layers(options)
    settings = follow_settings(options, layers)
    if "tracker" in options.parts:
        check_tracker(options, layers)
    files = tuple(str(layer.path) for layer in layers if layer.path is not None)
    extra = tuple(pair for layer in layers for pair in layer.parameters)
    rows = (
        *_recorder(options, files),
        *_image_source(options, files, settings),
        _tracker(options, files, extra),
        _controller(options, files, settings),
        _gate(options, settings),
    )
    chosen = [row for row in rows if row.name in options.parts]
    if options.rviz:
        chosen.append(_rviz())
    return tuple(chosen)


def gate_socket(options: LaunchOptions) -> str:
    """Where controller and gate meet: the option, else one path a user and namespace."""
    if options.gate_socket:
        return options.gate_socket
    folder = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    place = options.namespace.strip("/").replace("/", "_") or "root"
    return str(Path(folder) / f"uav_tracker_ros-{os.getuid()}-{place}.sock")


def gate_url(options: LaunchOptions) -> str:
    """The URL that the gate listens on or opens."""
    return f"udpin://127.0.0.1:{options.stand_in_port}" if options.stand_in else options.vehicle or VEHICLE_DEFAULT


def _node(
    options: LaunchOptions,
    name: str,
    *,
    executable: str,
    files: tuple[str, ...],
    parameters: list[tuple[str, Value]],
    respawn: bool = False,
    stop_stage: int = 0,
) -> ProcessSpec:
    if options.use_sim_time:
        parameters.append(("use_sim_time", True))
    return ProcessSpec(
        name=name,
        module=f"uav_tracker_ros.nodes.{executable}",
        executable=executable,
        node_name=name,
        namespace=options.namespace.strip("/"),
        parameters=tuple(parameters),
        parameter_files=files,
        remappings=DIAGNOSTICS,
        respawn=respawn,
        log_level=options.log_level,
        stop_stage=stop_stage,
    )


def _image_source(options: LaunchOptions, files: tuple[str, ...], settings: FollowSettings) -> tuple[ProcessSpec, ...]:
    if options.camera_source == "topic":
        return ()
    parameters = _given(
        ("camera.hfov_deg", options.hfov_deg),
        ("camera.width", options.image_width),
        ("camera.height", options.image_height),
        ("camera.rate_hz", options.rate_hz),
    )
    if options.camera_source != "sim":
        parameters.append(("camera.source", options.camera_source))
        return (_node(options, "camera", executable="camera_node", files=files, parameters=parameters, respawn=True),)
    parameters += [
        ("simulation.scenario", options.scenario),
        ("simulation.seed", options.seed),
        ("simulation.response", options.response),
        ("simulation.wait_for_start", options.wait_for_start),
        ("simulation.autopilot_target", f"127.0.0.1:{options.stand_in_port}" if options.stand_in else ""),
        ("follow.camera_pitch_deg", settings.camera_pitch_deg),
        ("follow.distance", settings.distance),
        ("follow.height", settings.height),
    ]
    row = _node(options, "simulator", executable="simulator_node", files=files, parameters=parameters, stop_stage=2)
    return (row,)


def _recorder(options: LaunchOptions, files: tuple[str, ...]) -> tuple[ProcessSpec, ...]:
    if options.record == "off":
        return ()
    given = {
        item.name: value
        for item in dataclasses.fields(options)
        if (value := getattr(options, item.name)) != item.default and item.name != "parts"
    }
    parameters = _given(
        ("record.to", options.record_to or None),
        ("record.images", options.record_images or None),
        ("record.options", json.dumps(given, sort_keys=True)),
    )
    # First to start, for the controller's journal; last to end, for the braking.
    row = _node(options, "recorder", executable="recorder_node", files=files, parameters=parameters, stop_stage=2)
    return (row,)


def _tracker(options: LaunchOptions, files: tuple[str, ...], extra: tuple[tuple[str, Value], ...]) -> ProcessSpec:
    parameters = list(extra) + _given(
        ("tracker.name", options.tracker or None),
        ("tracker.backend", options.backend or None),
        ("tracker.threads", options.threads),
        ("tracker.models_dir", options.models_dir or None),
        ("tracker.peers_dir", options.peers_dir or None),
        ("image_transport", options.image_transport or None),
        ("image_qos", options.image_qos or None),
    )
    return _node(options, "tracker", executable="tracker_node", files=files, parameters=parameters, respawn=True)


def _controller(options: LaunchOptions, files: tuple[str, ...], settings: FollowSettings) -> ProcessSpec:
    parameters: list[tuple[str, Value]] = [
        (f"follow.{name}", getattr(settings, name)) for name in FOLLOW_NAMES if getattr(options, name) is not None
    ]
    parameters += _given(("gate.socket", gate_socket(options)), ("ground_station.video_delay", options.video_delay))
    return _node(options, "controller", executable="controller_node", files=files, parameters=parameters)


def _gate(options: LaunchOptions, settings: FollowSettings) -> ProcessSpec:
    # In the order of the gate's own options; the limits are fixed here, the controller may only stay below.
    limits = (
        "max_speed",
        "max_speed_z",
        "max_accel",
        "max_jerk",
        "max_yaw_rate_deg",
        "max_yaw_accel_deg",
        "min_altitude",
        "max_altitude",
        "fence_radius",
    )
    arguments = ["--url", gate_url(options), "--socket", gate_socket(options)]
    for name in limits:
        arguments += [f"--{name.replace('_', '-')}", repr(float(getattr(settings, name)))]
    # One word: it may begin with a minus, which would read as an option.
    arguments += [f"--fence-polygon={settings.fence_polygon}"] if settings.fence_polygon else []
    flags = ("allow_engage", "allow_arm", "dry_run")
    arguments += [f"--{name.replace('_', '-')}" for name in flags if getattr(settings, name)]
    arguments += ["--camera"] if options.camera_component else []
    arguments += ["--log-level", options.log_level]
    return ProcessSpec(
        name="gate",
        module="uav_tracker_ros.vehicle.gate_process",
        executable="gate",
        is_node=False,
        arguments=tuple(arguments),
        stop_stage=1,
    )


def _rviz() -> ProcessSpec:
    view = config_directory().parent / "rviz" / "follow.rviz"
    return ProcessSpec(
        name="rviz", module="", executable="rviz2", node_name="rviz", arguments=("-d", str(view)), package="rviz2"
    )


def _given(*pairs: tuple[str, Value | None]) -> list[tuple[str, Value]]:
    """Only what the user gave: the rest comes from the parameter files."""
    return [(name, value) for name, value in pairs if value is not None]
