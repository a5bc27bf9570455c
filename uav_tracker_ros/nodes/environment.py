"""What the process of a node needs in its environment, however it is started."""

from __future__ import annotations

from uav_tracker_ros.nodes.variants import config_directory

# Without its profile Fast DDS loses a third of the images without a word.
# 2.14 (Jazzy) reads the first name only, 3.x its own name.
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
# glibc otherwise gives threads heaps of their own, each of which keeps what images and tensors once needed.
# In the environment, because libraries start threads while they are imported.
ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}


def node_variables() -> dict[str, str]:
    """Names and values; what the user has set goes before them."""
    profile = str(config_directory() / "fastdds_camera.xml")
    return dict.fromkeys(PROFILE_VARIABLES, profile) | ONE_HEAP
