"""A recorded video or folder of images through camera and tracker: camera_source:=video:FILE or folder:FOLDER."""

from launch import LaunchDescription

from uav_tracker_ros.nodes.launching import IMAGE_ARGUMENTS, launch_description


def generate_launch_description() -> LaunchDescription:
    """Camera and tracker on a recording, which the user must name; nothing that moves a vehicle."""
    return launch_description(arguments=IMAGE_ARGUMENTS, required=("camera_source",), parts=("camera", "tracker"))
