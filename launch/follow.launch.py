"""Follow a target with a vehicle: tracker, controller and gate; a camera node where camera_source names one."""

from launch import LaunchDescription

from uav_tracker_ros.nodes.launching import launch_description


def generate_launch_description() -> LaunchDescription:
    """Every argument of the process table; `ros2 launch uav_tracker_ros follow.launch.py --show-args` lists them."""
    return launch_description()
