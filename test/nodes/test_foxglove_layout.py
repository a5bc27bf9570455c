"""The Foxglove layout shows what the nodes publish: every path leads to a field of a message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sensor_msgs.msg import CompressedImage, Image

from uav_tracker_ros.nodes.recorder_node import TOPICS

LAYOUT = json.loads((Path(__file__).parents[2] / "rviz" / "follow.foxglove.json").read_text(encoding="utf-8"))
KINDS = {f"/{topic}": kind for topic, kind, _qos in TOPICS}
KINDS |= {"/target/image": Image, "/image_raw/compressed": CompressedImage}  # not in the record, or in one of its own


def paths(part: object) -> list[str]:
    """Every text of the layout that names a topic or a field of one."""
    if isinstance(part, dict):
        topics = [key for key in part if key.startswith("/")]
        return topics + [path for value in part.values() for path in paths(value)]
    if isinstance(part, list):
        return [path for value in part for path in paths(value)]
    return [part] if isinstance(part, str) and part.startswith("/") else []


FOUND = sorted({path for path in paths(LAYOUT["configById"]) if path != "/follow/stop"})  # a service


@pytest.mark.parametrize("path", FOUND)
def test_every_path_leads_to_a_field(path):
    topic, *fields = path.split(".")
    assert topic in KINDS
    message = KINDS[topic]()
    for field in fields:
        assert field in message.get_fields_and_field_types()
        message = getattr(message, field)


def test_the_layout_shows_every_panel_once():
    def shown(part: object) -> list[str]:
        return [part] if isinstance(part, str) else [*shown(part["first"]), *shown(part["second"])]

    assert sorted(shown(LAYOUT["layout"])) == sorted(LAYOUT["configById"])
    assert len(FOUND) > 15
