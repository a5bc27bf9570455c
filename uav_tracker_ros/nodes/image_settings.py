"""How images travel between nodes: settings that camera, simulator and tracker share."""

from __future__ import annotations

from dataclasses import dataclass

from uav_tracker_ros.following.settings import setting
from uav_tracker_ros.nodes.qos import IMAGE_QOS

TRANSPORTS = ("raw", "compressed")


@dataclass(frozen=True)
class ImageSettings:
    """The ROS parameters without a group."""

    image_transport: str = setting("raw", "topic image_raw, or JPEG on image_raw/compressed", choices=TRANSPORTS)
    image_qos: str = setting(
        "auto", "reliability of image subscriptions; auto: as the publishers offer", choices=IMAGE_QOS
    )
