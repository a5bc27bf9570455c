"""The whole loop in the built-in simulation: simulated world and autopilot, tracker, controller, gate."""

from launch import LaunchDescription

from uav_tracker_ros.nodes.launching import launch_description


def generate_launch_description() -> LaunchDescription:
    """As follow.launch.py, with the simulator as the camera and leave to engage its autopilot."""
    return launch_description(defaults={"camera_source": "sim", "allow_engage": "true"})
