"""pip installation (colcon uses CMakeLists.txt instead: package.xml says ament_cmake)."""

from setuptools import find_packages, setup

setup(
    name="uav_tracker_ros",
    version="0.1.0",
    packages=find_packages(include=["uav_tracker_ros", "uav_tracker_ros.*"]),
    package_data={"uav_tracker_ros": ["py.typed"]},
    entry_points={
        "console_scripts": [
            "uav-tracker = uav_tracker_ros.cli.app:main",
            "camera_node = uav_tracker_ros.nodes.camera_node:main",
            "tracker_node = uav_tracker_ros.nodes.tracker_node:main",
            "controller_node = uav_tracker_ros.nodes.controller_node:main",
            "recorder_node = uav_tracker_ros.nodes.recorder_node:main",
            "simulator_node = uav_tracker_ros.nodes.simulator_node:main",
        ]
    },
)
