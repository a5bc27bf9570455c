"""The recorder over real topics."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mcap.reader import make_reader
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String
from uav_tracker_ros.msg import TrackedTarget

from uav_tracker_ros.nodes.conversions import image_from_compressed, message_from_image
from uav_tracker_ros.nodes.qos import CAMERA, JOURNAL, JOURNAL_TOPIC
from uav_tracker_ros.nodes.recorder_node import RecorderNode
from uav_tracker_ros.nodes.recording_file import journal_of, read_record

pytestmark = pytest.mark.dds


def test_everything_arrives_and_the_journal_from_its_beginning(ros, until, tmp_path):
    path = tmp_path / "flight.mcap"
    recorder = ros(RecorderNode, "-p", f"record.to:={path}", "-p", "record.images:=true", "-p", "record.options:='{}'")
    controller = ros(lambda: Node("controller", use_global_arguments=False))
    journal = controller.create_publisher(String, JOURNAL_TOPIC, JOURNAL)
    for number in range(200):  # before anybody listens
        journal.publish(String(data=json.dumps({"number": number})))
    recorder.trigger_configure()
    recorder.trigger_activate()
    targets = controller.create_publisher(TrackedTarget, "target", 5)
    images = controller.create_publisher(Image, "image_raw", CAMERA)
    until(lambda: targets.get_subscription_count() and images.get_subscription_count(), "the recorder does not listen")
    picture = np.full((48, 64, 3), 90, np.uint8)

    def sent() -> bool:
        targets.publish(TrackedTarget(tracker="csrt"))
        images.publish(message_from_image(picture, Header(frame_id="camera_optical")))
        counts = recorder._health().values
        wanted = {f"/{JOURNAL_TOPIC}": 200, "/target": 1, "/image_raw/compressed": 1}
        return all(counts[topic] >= count for topic, count in wanted.items())

    until(sent, "nothing was recorded")
    recorder.destroy_node()
    messages = list(read_record(path))
    assert [json.loads(batch)["number"] for batch in journal_of(iter(messages))] == list(range(200))
    assert {"/target", f"/{JOURNAL_TOPIC}"} <= {message.topic for message in messages}
    pictures = list(read_record(tmp_path / "flight-images.mcap"))
    assert pictures[0].topic == "/image_raw/compressed"
    shown = image_from_compressed(deserialize_message(pictures[0].data, CompressedImage))
    assert abs(int(shown[20, 20, 0]) - 90) <= 2
    with path.open("rb") as stream:
        (metadata,) = make_reader(stream).iter_metadata()
    assert metadata.metadata["options"] == "{}"
    assert metadata.metadata["numpy"] == np.__version__


def test_a_full_disk_ends_the_record_not_the_node(ros, until, tmp_path, monkeypatch):
    recorder = ros(RecorderNode, "-p", f"record.to:={tmp_path}")
    recorder.trigger_configure()
    recorder.trigger_activate()
    controller = ros(lambda: Node("controller", use_global_arguments=False))
    targets = controller.create_publisher(TrackedTarget, "target", 5)
    until(targets.get_subscription_count, "the recorder does not listen")

    def full(self, *_message, **_stamps):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mcap.writer.Writer.add_message", full)

    def told() -> bool:
        targets.publish(TrackedTarget())
        return "No space left" in recorder._health().problem

    until(told, "the full disk was not told")
    assert list(tmp_path.iterdir())  # what was written before is kept


def test_a_folder_that_cannot_be_written_is_said_by_the_process(start_node, tmp_path):
    (tmp_path / "file").write_text("")
    child = start_node("recorder_node", "-p", f"record.to:={tmp_path}/file/a.mcap")
    assert child.wait() == 1
    assert "record:=off" in child.text
    assert "Traceback" not in child.text
