"""The package as a whole: versions, executables, launch files, parameter files, who may import what."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.camera_settings import CameraSettings
from uav_tracker_ros.nodes.controller_health import GateAddress
from uav_tracker_ros.nodes.image_settings import ImageSettings
from uav_tracker_ros.nodes.simulator_node import SimulationSettings
from uav_tracker_ros.nodes.tracker_node import TrackerSettings
from uav_tracker_ros.nodes.variants import read_parameters, variant_names

ROOT = Path(__file__).parents[1]
CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
CONFIGS = sorted(path for path in (ROOT / "config").glob("*.yaml"))
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))


@pytest.fixture
def setup_arguments(monkeypatch):
    """What setup.py hands to setuptools."""
    import setuptools

    caught: dict = {}
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: caught.update(arguments))
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    return caught


def test_package_xml_and_setup_py_agree(setup_arguments):
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.findtext("version") == setup_arguments["version"]
    assert package.findtext("name") == setup_arguments["name"]


def test_every_executable_is_there_and_starts_its_module(setup_arguments):
    scripts = re.findall(r"scripts/([\w-]+)", CMAKE)
    assert {
        "controller_node",
        "recorder_node",
        "tracker_node",
        "camera_node",
        "simulator_node",
        "gate",
        "uav-tracker",
    } == set(scripts)
    for name in scripts:
        path = ROOT / "scripts" / name
        assert os.access(path, os.X_OK), f"{name} is not executable"
        (module,) = re.findall(r"from ([\w.]+) import main", path.read_text(encoding="utf-8"))
        assert (ROOT / Path(*module.split("."))).with_suffix(".py").is_file(), f"{module} of {name} is not there"
    for entry in setup_arguments["entry_points"]["console_scripts"]:
        name, _, target = entry.partition(" = ")
        module = target.partition(":")[0]
        assert f"from {module} import main" in (ROOT / "scripts" / name).read_text(encoding="utf-8")


def test_every_installed_folder_and_interface_is_there():
    (folders,) = re.findall(r"install\(DIRECTORY ([a-z ]+) DESTINATION share", CMAKE)
    assert all((ROOT / folder).is_dir() for folder in folders.split())
    interfaces = re.findall(r'"((?:msg|srv|action)/\w+\.\w+)"', CMAKE)
    there = {str(path.relative_to(ROOT)) for kind in ("msg", "srv", "action") for path in (ROOT / kind).iterdir()}
    assert set(interfaces) == there


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_files_compile(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    compile(tree, str(path), "exec")
    assert any(isinstance(node, ast.FunctionDef) and node.name == "generate_launch_description" for node in tree.body)


def test_rviz_shows_what_the_nodes_publish():
    view = yaml.safe_load((ROOT / "rviz" / "follow.rviz").read_text(encoding="utf-8"))["Visualization Manager"]
    assert view["Global Options"]["Fixed Frame"] == "map"
    topics = {display["Topic"]["Value"]: display["Topic"] for display in view["Displays"] if "Topic" in display}
    shown = {"image_raw", "target/image", "follow/markers", "follow/vehicle_odometry", "follow/target_odometry"}
    assert set(topics) == shown
    # RViz's default, Reliable, shows a black panel with a best-effort camera.
    assert topics["image_raw"]["Reliability Policy"] == "Best Effort"
    assert topics["image_raw"]["Depth"] == 1


def declared_names() -> dict[str, type]:
    """Every parameter that a node declares, with its type."""
    groups = {
        "follow": FollowSettings,
        "gate": GateAddress,
        "camera": CameraSettings,
        "tracker": TrackerSettings,
        "simulation": SimulationSettings,
    }
    names = {
        f"{group}.{item.name}": type(item.default)
        for group, kind in groups.items()
        for item in dataclasses.fields(kind)
    }
    return names | {item.name: type(item.default) for item in dataclasses.fields(ImageSettings)}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_key_of_a_parameter_file_is_declared(path):
    known = declared_names()
    for name, value in read_parameters(path).items():
        assert name in known, f"{path.name}: nobody declares {name}"
        if known[name] is float:
            assert isinstance(value, float), f"{path.name}: {name} must be written with a dot"


def test_the_presets_are_there():
    assert {"default", "cpu", "gpu", "jetson", "thermal", "smooth"} <= set(variant_names())


def test_imports_go_one_way():
    tool = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*sorted(name for name in sys.argv[2:] if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("module", "must_not_load"),
    [
        ("uav_tracker_ros.vehicle.gate_process", ["numpy", "rclpy", "cv2"]),
        ("uav_tracker_ros.nodes.controller_node", ["mavsdk", "torch", "onnxruntime", "matplotlib"]),
        ("uav_tracker_ros.nodes.tracker_node", ["mavsdk", "torch", "matplotlib", "uav_tracker_ros.vehicle"]),
        ("uav_tracker_ros.nodes.camera_node", ["mavsdk", "torch", "matplotlib", "uav_tracker_ros.vehicle"]),
        ("uav_tracker_ros.nodes.simulator_node", ["mavsdk", "torch", "matplotlib"]),
        ("uav_tracker_ros.nodes.processes", ["rclpy", "mavsdk", "torch"]),
        ("uav_tracker_ros.nodes.runner", ["rclpy", "mavsdk", "torch"]),
    ],
)
def test_a_process_loads_only_what_it_needs(module, must_not_load):
    result = subprocess.run(
        [sys.executable, "-c", LOADED, module, *must_not_load], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
