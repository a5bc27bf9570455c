"""The launch files, executed against recording stand-ins of ``launch`` and ``launch_ros``."""

from __future__ import annotations

import json
import runpy
import sys
import types
from pathlib import Path

import pytest

from uav_tracker_ros.errors import InvalidParameter, UnknownName
from uav_tracker_ros.nodes.launch_options import ARGUMENTS

FOLDER = Path(__file__).parents[2] / "launch"
FILES = sorted(path.name for path in FOLDER.glob("*.launch.py"))


class Recorded:
    """Keeps what it was made with, under the names that the real class takes."""

    takes: tuple[str, ...] = ()

    def __init__(self, *args, **options):
        unknown = set(options) - set(self.takes)
        assert not unknown, f"{type(self).__name__} takes no {sorted(unknown)}"
        self.args, self.options = args, options


class LaunchDescription(Recorded):
    """``launch.LaunchDescription``."""


class DeclareLaunchArgument(Recorded):
    """``launch.actions.DeclareLaunchArgument``."""

    takes = ("default_value", "description", "choices")


class SetEnvironmentVariable(Recorded):
    """``launch.actions.SetEnvironmentVariable``."""


class OpaqueFunction(Recorded):
    """``launch.actions.OpaqueFunction``."""

    takes = ("function",)


class ExecuteProcess(Recorded):
    """``launch.actions.ExecuteProcess``."""

    takes = ("cmd", "name", "output", "emulate_tty", "respawn")


class Node(Recorded):
    """``launch_ros.actions.Node``."""

    takes = (
        *("package", "executable", "name", "namespace", "parameters", "remappings", "arguments", "ros_arguments"),
        *("output", "emulate_tty", "respawn", "respawn_delay"),
    )


class ExecutableInPackage(Recorded):
    """``launch_ros.substitutions.ExecutableInPackage``."""

    takes = ("executable", "package")


class LaunchContext:
    """``launch.LaunchContext``: the values of the launch arguments."""

    def __init__(self, values):
        self.values = values


class LaunchConfiguration:
    """``launch.substitutions.LaunchConfiguration``."""

    def __init__(self, name):
        self.name = name

    def perform(self, context):
        return context.values[self.name]


MODULES = {
    "launch": {"LaunchDescription": LaunchDescription, "LaunchContext": LaunchContext},
    "launch.actions": {
        "DeclareLaunchArgument": DeclareLaunchArgument,
        "ExecuteProcess": ExecuteProcess,
        "OpaqueFunction": OpaqueFunction,
        "SetEnvironmentVariable": SetEnvironmentVariable,
    },
    "launch.substitutions": {"LaunchConfiguration": LaunchConfiguration},
    "launch_ros": {},
    "launch_ros.actions": {"Node": Node},
    "launch_ros.substitutions": {"ExecutableInPackage": ExecutableInPackage},
}


@pytest.fixture
def stand_ins(monkeypatch):
    """Put the recording modules where the launch files import them from."""
    for name, content in MODULES.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "uav_tracker_ros.nodes.launching", raising=False)
    yield
    sys.modules.pop("uav_tracker_ros.nodes.launching", None)


def entities(file: str) -> list[Recorded]:
    description = runpy.run_path(str(FOLDER / file))["generate_launch_description"]()
    return description.args[0]


def started(file: str, **given: str) -> list[Recorded]:
    """The actions that a launch with these arguments starts."""
    parts = entities(file)
    values = {
        part.args[0]: part.options.get("default_value") for part in parts if isinstance(part, DeclareLaunchArgument)
    }
    assert set(given) <= set(values), "an argument that the file does not declare"
    (start,) = (part for part in parts if isinstance(part, OpaqueFunction))
    return start.options["function"](LaunchContext(values | given))


def names(actions: list[Recorded]) -> list[str]:
    return [action.options["name"] for action in actions]


@pytest.mark.parametrize("file", FILES)
def test_arguments_are_described_with_defaults_of_their_choices(stand_ins, file):
    declared = [part for part in entities(file) if isinstance(part, DeclareLaunchArgument)]
    assert declared
    for argument in declared:
        assert len(argument.options["description"]) > 20
        choices = argument.options.get("choices")
        assert choices is None or argument.options["default_value"] in choices


@pytest.mark.parametrize("file", ["follow.launch.py", "sim.launch.py"])
def test_every_argument_of_the_table_is_declared(stand_ins, file):
    declared = {part.args[0] for part in entities(file) if isinstance(part, DeclareLaunchArgument)}
    assert declared == set(ARGUMENTS)


@pytest.mark.parametrize(
    ("file", "given", "expected"),
    [
        ("follow.launch.py", {}, ["recorder", "tracker", "controller", "gate"]),
        (
            "follow.launch.py",
            {"record": "off", "camera_source": "v4l2:/dev/video0"},
            ["camera", "tracker", "controller", "gate"],
        ),
        ("sim.launch.py", {}, ["recorder", "simulator", "tracker", "controller", "gate"]),
        ("sim.launch.py", {"rviz": "true"}, ["recorder", "simulator", "tracker", "controller", "gate", "rviz"]),
        ("tracker.launch.py", {}, ["tracker"]),
        ("replay.launch.py", {"camera_source": "video:a.mp4"}, ["camera", "tracker"]),
    ],
)
def test_what_starts(stand_ins, file, given, expected):
    assert names(started(file, **given)) == expected


def test_the_recording_must_be_named(stand_ins):
    (source,) = (
        part
        for part in entities("replay.launch.py")
        if isinstance(part, DeclareLaunchArgument) and part.args[0] == "camera_source"
    )
    assert "default_value" not in source.options


def test_arguments_reach_nodes_and_gate(stand_ins):
    actions = started("follow.launch.py", namespace="one", max_speed="3", tracker="mil", use_sim_time="true")
    recorder, tracker, controller, gate = actions
    assert json.loads(recorder.options["parameters"][-1]["record.options"])["max_speed"] == 3.0
    assert tracker.options["namespace"] == controller.options["namespace"] == "one"
    assert tracker.options["parameters"][-1]["tracker.name"] == "mil"
    assert controller.options["parameters"][-1]["follow.max_speed"] == 3.0
    assert controller.options["parameters"][-1]["use_sim_time"] is True
    words = gate.options["cmd"]
    assert isinstance(words[0], ExecutableInPackage)
    assert words[words.index("--max-speed") + 1] == "3.0"


def test_nothing_ends_the_gate_with_the_controller(stand_ins):
    tracker, controller, gate = started("follow.launch.py", record="off")
    assert tracker.options["respawn"] is True
    assert controller.options["respawn"] is False
    assert not gate.options.get("respawn")
    assert "--ros-args" not in gate.options["cmd"]


def test_only_the_simulation_may_engage_unasked(stand_ins):
    assert "--allow-engage" in started("sim.launch.py")[-1].options["cmd"]
    assert "--allow-engage" not in started("follow.launch.py")[-1].options["cmd"]


def test_profile_and_heap_are_set_unless_the_user_has(stand_ins, monkeypatch):
    for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "MALLOC_ARENA_MAX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", "mine.xml")
    variables = dict(part.args for part in entities("follow.launch.py") if isinstance(part, SetEnvironmentVariable))
    assert set(variables) == {"FASTRTPS_DEFAULT_PROFILES_FILE", "MALLOC_ARENA_MAX"}
    assert Path(variables["FASTRTPS_DEFAULT_PROFILES_FILE"]).is_file()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"max_speed": "99"}, InvalidParameter, "0.5 to 15"),
        ({"tracker": "csrd"}, UnknownName, "csrt"),
        ({"rviz": "perhaps"}, InvalidParameter, "true or false"),
    ],
)
def test_wrong_arguments_stop_the_launch_with_words(stand_ins, given, error, words):
    with pytest.raises(error, match=words):
        started("follow.launch.py", **given)
