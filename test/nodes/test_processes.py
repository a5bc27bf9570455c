"""The process table: rows, layers of settings, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from uav_tracker_ros.errors import InvalidParameter, UavTrackerError, UnknownName
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes import variants
from uav_tracker_ros.nodes.launch_options import ARGUMENTS, FOLLOW_NAMES
from uav_tracker_ros.nodes.processes import LaunchOptions, ProcessSpec, gate_url, process_table
from uav_tracker_ros.vehicle import gate_options


def row(options: LaunchOptions, name: str) -> ProcessSpec:
    return next(spec for spec in process_table(options) if spec.name == name)


def gate_option(options: LaunchOptions, name: str) -> str:
    words = row(options, "gate").arguments
    return words[words.index(name) + 1]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (LaunchOptions(), ["recorder", "tracker", "controller", "gate"]),  # images from somebody else
        (LaunchOptions(camera_source="sim", record="off"), ["simulator", "tracker", "controller", "gate"]),
        (LaunchOptions(camera_source="video:a.mp4", record="off"), ["camera", "tracker", "controller", "gate"]),
        (
            LaunchOptions(camera_source="v4l2:/dev/video0", rviz=True),
            ["recorder", "camera", "tracker", "controller", "gate", "rviz"],
        ),
        (LaunchOptions(camera_source="folder:x", parts=("camera", "tracker")), ["camera", "tracker"]),
    ],
)
def test_rows(options, names):
    assert [spec.name for spec in process_table(options)] == names


def test_gate_is_no_node_and_only_images_are_started_again():
    rows = process_table(LaunchOptions(camera_source="video:a.mp4"))
    assert [spec.name for spec in rows if not spec.is_node] == ["gate"]
    assert [spec.name for spec in rows if spec.respawn] == ["camera", "tracker"]


def test_end_of_the_simulation_comes_after_the_gate_and_that_after_the_controller():
    stage = {spec.name: spec.stop_stage for spec in process_table(LaunchOptions(camera_source="sim"))}
    assert stage["controller"] < stage["gate"] < stage["simulator"]
    assert stage["gate"] < stage["recorder"]


def test_gate_takes_every_word_of_its_row():
    options = LaunchOptions(camera_source="sim", allow_engage=True, allow_arm=True, dry_run=True)
    parsed = gate_options.parse(row(options, "gate").arguments)
    assert parsed.settings.limits == FollowSettings().limits
    assert parsed.settings.dry_run


@pytest.mark.parametrize("flag", ["allow_engage", "allow_arm", "dry_run"])
def test_flags_reach_the_gate_only_when_given(flag):
    word = "--" + flag.replace("_", "-")
    assert word not in row(LaunchOptions(), "gate").arguments
    assert word in row(LaunchOptions(**{flag: True}), "gate").arguments


def test_a_polygon_reaches_controller_and_gate():
    options = LaunchOptions(fence_polygon="-10,-10 40,-10 40,40 -10,40")
    assert dict(row(options, "controller").parameters)["follow.fence_polygon"] == options.fence_polygon
    parsed = gate_options.parse(row(options, "gate").arguments)
    assert parsed.settings.bounds.fence_polygon == FollowSettings(fence_polygon=options.fence_polygon).polygon
    assert gate_options.parse(row(LaunchOptions(), "gate").arguments).settings.bounds.fence_polygon == ()


def test_ground_stations_see_a_camera_unless_told_otherwise():
    assert "--camera" in row(LaunchOptions(), "gate").arguments
    assert "--camera" not in row(LaunchOptions(camera_component=False), "gate").arguments


def test_the_delay_of_the_operators_video_reaches_the_controller():
    parameters = dict(row(LaunchOptions(video_delay=0.25), "controller").parameters)
    assert parameters["ground_station.video_delay"] == 0.25
    assert "ground_station.video_delay" not in dict(row(LaunchOptions(), "controller").parameters)


def test_the_recorder_is_told_only_what_was_given():
    assert set(dict(row(LaunchOptions(), "recorder").parameters)) == {"record.options"}
    given = dict(row(LaunchOptions(record_to="here", record_images=True, max_speed=2.0), "recorder").parameters)
    assert (given["record.to"], given["record.images"]) == ("here", True)
    assert '"max_speed": 2.0' in given["record.options"]


def test_limits_of_controller_and_gate_are_one_number():
    options = LaunchOptions(max_speed=3.5)
    assert dict(row(options, "controller").parameters)["follow.max_speed"] == 3.5
    assert float(gate_option(options, "--max-speed")) == 3.5


def test_settings_left_open_come_from_the_files_and_are_not_repeated():
    parameters = dict(row(LaunchOptions(), "controller").parameters)
    assert not {name for name in parameters if name.startswith("follow.")}
    assert Path(row(LaunchOptions(), "controller").parameter_files[0]).name == "base.yaml"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config folder with a base and one variant."""
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({"/**": {"ros__parameters": {"follow": {"max_speed": 5.0}}}}))
    slow = {"/**": {"ros__parameters": {"follow": {"max_speed": 2.0, "max_accel": 1.5}}}}
    (tmp_path / "slow.yaml").write_text(yaml.safe_dump(slow))
    monkeypatch.setattr(variants, "config_directory", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "speed", "accel"),
    [
        (LaunchOptions(), 5.0, FollowSettings.max_accel),  # base over the defaults
        (LaunchOptions(variant="slow"), 2.0, 1.5),  # variant over base
        (LaunchOptions(variant="slow", max_speed=3.0), 3.0, 1.5),  # user over both
    ],
)
def test_layers(config, options, speed, accel):
    assert float(gate_option(options, "--max-speed")) == speed
    assert float(gate_option(options, "--max-accel")) == accel


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/**:\n  ros__parameters:\n    follow: {max_sped: 2.0}\n", "did you mean 'max_speed'"),
        ("/**:\n  ros__parameters:\n    follow: {max_speed: 2}\n", "write 2.0"),
        ("/**:\n  ros__parameters:\n    follow: {max_speed: 99.0}\n", "expected 0.5 to 15"),
        ("follow: {max_speed: 2.0}\n", "expected /\\*\\*: ros__parameters"),
        ("- [", "is no parameter file"),
    ],
)
def test_a_wrong_file_is_named(config, text, error):
    (config / "wrong.yaml").write_text(text)
    with pytest.raises(UavTrackerError, match=error):
        process_table(LaunchOptions(variant="wrong"))


def test_a_trackers_name_serves_as_a_variant():
    assert dict(row(LaunchOptions(variant="mil"), "tracker").parameters)["tracker.name"] == "mil"


def test_an_explicit_tracker_wins_over_the_variant():
    assert row(LaunchOptions(variant="mil", tracker="static"), "tracker").parameters[-1] == ("tracker.name", "static")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (LaunchOptions(variant="smoth"), UnknownName, "did you mean 'smooth'"),
        (LaunchOptions(tracker="csrd"), UnknownName, "did you mean 'csrt'"),
        (LaunchOptions(backend="onnx"), UnknownName, "onnxruntime"),
        (LaunchOptions(camera_source="sim", scenario="sinusiod"), UnknownName, "did you mean 'sinusoid'"),
        (LaunchOptions(camera_source="rtsp:x"), InvalidParameter, "v4l2:DEVICE"),
        (LaunchOptions(camera_source="video:"), InvalidParameter, "video:FILE"),
        (LaunchOptions(max_speed=99.0), InvalidParameter, "0.5 to 15"),
        (LaunchOptions(use_sim_time=True, vehicle="serial:///dev/ttyS0:57600"), InvalidParameter, "real clock"),
        (LaunchOptions(mode="circle"), UnknownName, "hold_offset"),
        (LaunchOptions(hfov_deg=500.0), InvalidParameter, "10 to 150"),
        (LaunchOptions(fence_polygon="0,0 9,0"), InvalidParameter, "has 2 corners"),
        (LaunchOptions(min_altitude=15.0, max_altitude=10.0), InvalidParameter, "lower the floor"),
    ],
)
def test_wrong_options_are_refused_in_words(options, error, words):
    with pytest.raises(error, match=words):
        process_table(options)


def test_strings_become_options():
    options = LaunchOptions.from_strings({"max_speed": "3", "rviz": "True", "seed": "7", "tracker": "", "threads": "2"})
    assert options == LaunchOptions(max_speed=3.0, rviz=True, seed=7, threads=2)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"max_sped": "3"}, UnknownName, "did you mean 'max_speed'"),
        ({"max_speed": "fast"}, InvalidParameter, "0.5 to 15 m/s"),
        ({"rviz": "maybe"}, InvalidParameter, "true or false"),
    ],
)
def test_wrong_strings_are_refused(given, error, words):
    with pytest.raises(error, match=words):
        LaunchOptions.from_strings(given)


def test_every_setting_of_the_follower_is_a_launch_argument_and_described():
    assert set(FOLLOW_NAMES) <= set(ARGUMENTS)
    assert all(argument.description for argument in ARGUMENTS.values())
    names = {item.name for item in dataclasses.fields(LaunchOptions)}
    assert set(ARGUMENTS) == names - {"parts"}


def test_two_namespaces_meet_at_two_sockets():
    sockets = {gate_option(LaunchOptions(namespace=name), "--socket") for name in ("", "one", "two/three")}
    assert len(sockets) == 3


def test_stand_in_is_flown_only_in_a_simulation_without_a_vehicle():
    assert gate_url(LaunchOptions(camera_source="sim", stand_in_port=14600)) == "udpin://127.0.0.1:14600"
    assert gate_url(LaunchOptions()) == "udpin://0.0.0.0:14540"
    sitl = LaunchOptions(camera_source="sim", vehicle="udpin://0.0.0.0:14550")
    assert gate_url(sitl) == "udpin://0.0.0.0:14550"
    assert dict(row(sitl, "simulator").parameters)["simulation.autopilot_target"] == ""
