"""The process table as ``launch`` actions: all that the files in ``launch/`` have in common.

Imports ``launch`` and ``launch_ros``, which only a ROS installation has; no node imports this.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.substitutions import ExecutableInPackage

from uav_tracker_ros.nodes.environment import node_variables
from uav_tracker_ros.nodes.launch_options import ARGUMENTS, LaunchOptions
from uav_tracker_ros.nodes.processes import ProcessSpec, process_table

RESPAWN_DELAY_S = 2.0

# What a launch without controller and gate needs.
IMAGE_ARGUMENTS = (
    *("variant", "tracker", "backend", "camera_source", "namespace", "use_sim_time", "log_level", "rviz"),
    *("threads", "models_dir", "peers_dir", "image_transport", "image_qos"),
    *("hfov_deg", "image_width", "image_height", "rate_hz"),
)


def launch_description(
    *,
    arguments: Sequence[str] = tuple(ARGUMENTS),
    defaults: Mapping[str, str] | None = None,
    required: Sequence[str] = (),
    parts: Sequence[str] | None = None,
) -> LaunchDescription:
    """A launch description of the process table.

    Args:
        arguments: names that the launch file offers.
        defaults: other defaults than the table's, as strings.
        required: arguments that the user must give.
        parts: which processes; None: all.
    """
    known = {name: ARGUMENTS[name].default for name in arguments} | dict(defaults or {})

    def start(context: LaunchContext) -> list[Any]:
        given = {name: LaunchConfiguration(name).perform(context) for name in known}
        return [action(spec) for spec in process_table(LaunchOptions.from_strings(given, parts=parts))]

    return LaunchDescription(
        [
            *(_declare(name, None if name in required else default) for name, default in known.items()),
            *_environment(),
            OpaqueFunction(function=start),
        ]
    )


def action(spec: ProcessSpec) -> Node | ExecuteProcess:
    """One row of the table as an action."""
    if not spec.is_node:
        program = ExecutableInPackage(executable=spec.executable, package=spec.package)
        # Not ended with the controller: the gate outlives it, and holds the vehicle on Ctrl-C.
        return ExecuteProcess(cmd=[program, *spec.arguments], name=spec.name, output="screen", emulate_tty=True)
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.node_name,
        namespace=spec.namespace,
        parameters=[*spec.parameter_files, dict(spec.parameters)],
        remappings=list(spec.remappings),
        arguments=list(spec.arguments),
        ros_arguments=["--log-level", spec.log_level] if spec.log_level else [],
        output="screen",
        emulate_tty=True,
        respawn=spec.respawn,
        respawn_delay=RESPAWN_DELAY_S,
    )


def _declare(name: str, default: str | None) -> DeclareLaunchArgument:
    argument = ARGUMENTS[name]
    facts: dict[str, Any] = {"description": argument.help}
    if default is not None:
        facts["default_value"] = default
    if argument.choices:
        facts["choices"] = list(argument.choices)
    return DeclareLaunchArgument(name, **facts)


def _environment() -> list[SetEnvironmentVariable]:
    """What every node needs, where the user has not set it himself."""
    return [SetEnvironmentVariable(name, value) for name, value in node_variables().items() if name not in os.environ]
