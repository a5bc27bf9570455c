"""The tracker alone, on image_raw and camera_info of another node (or of a camera that it starts)."""

from launch import LaunchDescription

from uav_tracker_ros.nodes.launching import IMAGE_ARGUMENTS, launch_description


def generate_launch_description() -> LaunchDescription:
    """Camera and tracker; nothing that moves a vehicle."""
    return launch_description(arguments=IMAGE_ARGUMENTS, parts=("camera", "tracker"))
