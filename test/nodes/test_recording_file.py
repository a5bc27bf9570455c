"""A record as a file: what was written is read again, whole or up to where it breaks off."""

from __future__ import annotations

import datetime
import sys

import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import serialize_message
from std_msgs.msg import Header, String
from uav_tracker_ros.msg import FollowState, TrackedTarget
from visualization_msgs.msg import Marker, MarkerArray

from uav_tracker_ros.errors import BackendUnavailable, InputUnreadable, OutputUnwritable
from uav_tracker_ros.nodes.recording_definitions import message_definition
from uav_tracker_ros.nodes.recording_file import (
    STRING_DEFINITION,
    STRING_TYPE,
    RecordingFile,
    cdr_from_text,
    journal_of,
    new_record,
    read_record,
    text_from_cdr,
)

TOPIC = "/one/follow/journal"


def written(path, batches: int, size: int = 4000):
    """A record of journal batches, of texts that do not compress to nothing."""
    texts = [f"{number} " + "".join(chr(33 + (number * i * i) % 89) for i in range(size)) for number in range(batches)]
    with RecordingFile(path, {"who": "test"}) as file:
        file.add_topic(TOPIC, STRING_TYPE, STRING_DEFINITION)
        for number, text in enumerate(texts):
            file.write(TOPIC, number * 20_000_000, cdr_from_text(text))
    return texts


def test_what_was_written_is_read(tmp_path):
    texts = written(tmp_path / "a.mcap", 300)
    messages = list(read_record(tmp_path / "a.mcap"))
    assert [message.stamp for message in messages] == [number * 20_000_000 for number in range(300)]
    assert list(journal_of(iter(messages))) == texts
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]


def test_a_record_in_the_making_has_another_name_and_is_readable(tmp_path):
    path = tmp_path / "sub" / "a.mcap"
    file = RecordingFile(path, {})
    file.add_topic(TOPIC, STRING_TYPE, STRING_DEFINITION)
    for number in range(200):
        file.write(TOPIC, number, cdr_from_text(f"{number}" * 2000))
    assert not path.exists()
    part = path.with_name("a.mcap.part")
    assert next(journal_of(read_record(part))) == "0" * 2000
    file.close()
    file.close()
    assert path.exists()
    assert not part.exists()
    assert file.messages == {TOPIC: 200}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.77, 0.99])
def test_a_record_that_breaks_off_gives_what_is_there(tmp_path, share):
    texts = written(tmp_path / "a.mcap", 600)
    whole = (tmp_path / "a.mcap").read_bytes()
    (tmp_path / "b.mcap").write_bytes(whole[: int(share * len(whole))])
    found = list(journal_of(read_record(tmp_path / "b.mcap")))
    assert found == texts[: len(found)]
    assert len(found) > 0 or share < 0.5


def test_an_empty_record_leaves_nothing(tmp_path):
    RecordingFile(tmp_path / "a.mcap", {}).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"no record at all, but some text that is long enough"])
def test_what_is_no_record_is_said(tmp_path, content):
    path = tmp_path / "a.mcap"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputUnreadable, match=r"expected"):
        list(read_record(path))


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable, match="record:=off"):
        RecordingFile(tmp_path / "file" / "a.mcap", {})


def test_names_never_meet(tmp_path):
    now = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    first = new_record(tmp_path, now)
    assert first.name == "flight-20260102-030405.mcap"
    first.with_name(first.name + ".part").touch()
    assert new_record(tmp_path, now).name == "flight-20260102-030405-2.mcap"


@pytest.mark.parametrize("text", ["", "a", "äöü {}[]", "x" * 5000])
def test_strings_are_serialized_as_ros_does(text):
    ours, theirs = cdr_from_text(text), serialize_message(String(data=text))
    assert theirs.startswith(ours)  # ROS may pad
    assert text_from_cdr(theirs) == text


@pytest.mark.parametrize(
    "message",
    [
        FollowState(header=Header(frame_id="map"), mode="follow", blockers=["A: b"], distance=9.5),
        TrackedTarget(center_x=3.5, tracker="csrt", lock=7),
        MarkerArray(markers=[Marker(ns="target", id=3)]),
    ],
    ids=lambda message: type(message).__name__,
)
def test_definitions_let_a_foreign_reader_decode(tmp_path, message):
    kind = f"{type(message).__module__.partition('.')[0]}/msg/{type(message).__name__}"
    with RecordingFile(tmp_path / "a.mcap", {}) as file:
        file.add_topic("/it", kind, message_definition(kind))
        file.write("/it", 5, serialize_message(message))
    with (tmp_path / "a.mcap").open("rb") as stream:
        ((_, channel, _, decoded),) = make_reader(stream, decoder_factories=[DecoderFactory()]).iter_decoded_messages()
    assert channel.topic == "/it"
    for name in message.get_fields_and_field_types():
        if isinstance(getattr(message, name), (str, int, float)):
            assert getattr(decoded, name) == getattr(message, name), name
    if isinstance(message, MarkerArray):
        assert (decoded.markers[0].ns, decoded.markers[0].id) == ("target", 3)


@pytest.mark.parametrize(
    "use", [lambda path: RecordingFile(path, {}), lambda path: list(read_record(path))], ids=["write", "read"]
)
def test_without_the_library_it_is_named(tmp_path, monkeypatch, use):
    for name in ("mcap.writer", "mcap.records"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendUnavailable, match="pip install mcap"):
        use(tmp_path / "a.mcap")
    assert list(tmp_path.iterdir()) == []


def test_a_type_that_is_not_installed_is_named(tmp_path):
    with pytest.raises(InputUnreadable, match=r"share/no_msgs/msg/Thing\.msg"):
        message_definition("no_msgs/msg/Thing", [tmp_path])
