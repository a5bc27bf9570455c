"""A flight record as one MCAP file, which Foxglove, rosbag2 and ``uav-tracker replay`` open. No rclpy.

Messages come as CDR, as they travelled. While a record is written its name ends in ``.part``: what
a crash leaves can still be read up to the last chunk.
"""

from __future__ import annotations

import contextlib
import datetime
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, NamedTuple

from uav_tracker_ros.errors import BackendUnavailable, InputUnreadable, OutputUnwritable

if TYPE_CHECKING:
    from mcap.records import Channel, Schema
    from mcap.writer import Writer

CHUNK_BYTES = 256_000  # some seconds of a flight: what a crash may cost
JOURNAL_SUFFIX = "follow/journal"  # the controller's topic, in any namespace
STRING_TYPE = "std_msgs/msg/String"
STRING_DEFINITION = "string data\n"
_CDR_HEADER = 4  # bytes: representation and options; then a string is its length and its bytes


class RecordedMessage(NamedTuple):
    """One message of a record."""

    topic: str
    kind: str  # package/msg/Name
    stamp: int  # ns, ROS time of recording
    data: bytes  # CDR


class RecordingFile:
    """Writes one record; safe to be closed twice.

    Args:
        path: the final name; :meth:`close` gives it.
        metadata: texts that describe the record.

    Raises:
        OutputUnwritable: the file cannot be made there.
        BackendUnavailable: the package ``mcap`` is not installed.
    """

    def __init__(self, path: Path, metadata: Mapping[str, str]) -> None:
        with _installed():
            from mcap.writer import CompressionType, Writer
        self.path = path
        self._part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")
        except OSError as error:
            raise OutputUnwritable(
                f"the record '{path}' cannot be written: {error.strerror}; expected a folder with write access: "
                "set record_dir, or record:=off"
            ) from error
        self._writer: Writer | None = Writer(self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD)
        self._writer.start(profile="ros2", library="uav_tracker_ros")
        self._writer.add_metadata("uav_tracker_ros", dict(metadata))
        self._channels: dict[str, int] = {}
        self._numbers: dict[int, int] = {}

    def __enter__(self) -> RecordingFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_topic(self, topic: str, kind: str, definition: str) -> None:
        """Announce a topic.

        Args:
            topic: its full name.
            kind: as package/msg/Name.
            definition: the text of its .msg file and, below lines of ``=``, of those that it uses.
        """
        if self._writer is None or topic in self._channels:
            return
        schema = self._writer.register_schema(name=kind, encoding="ros2msg", data=definition.encode())
        self._channels[topic] = self._writer.register_channel(topic=topic, message_encoding="cdr", schema_id=schema)

    def write(self, topic: str, stamp: int, data: bytes) -> None:
        """One message (CDR) of an announced topic at ``stamp`` (ns).

        Raises:
            OutputUnwritable: the disk is full or gone; what was written before stays readable.
        """
        if self._writer is None:
            return
        channel = self._channels[topic]
        number = self._numbers[channel] = self._numbers.get(channel, 0) + 1
        try:
            self._writer.add_message(channel, log_time=stamp, publish_time=stamp, sequence=number, data=data)
        except OSError as error:
            raise OutputUnwritable(
                f"the record '{self._part}' cannot be written on: {error.strerror}; expected a disk with space: "
                "make room"
            ) from error

    @property
    def messages(self) -> dict[str, int]:
        """How many were written of each topic."""
        return {topic: self._numbers.get(channel, 0) for topic, channel in self._channels.items()}

    def close(self) -> None:
        """Finish the file and give it its final name; an empty record leaves no file."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with contextlib.suppress(OSError):  # a full disk: the part stays as it is, readable
            writer.finish()  # type: ignore[no-untyped-call]
            self._file.close()
            if self._numbers:
                self._part.replace(self.path)
            else:
                self._part.unlink()


def new_record(folder: Path, now: datetime.datetime, suffix: str = "") -> Path:
    """A name for a record that begins now; never that of an existing one."""
    name = f"flight-{now:%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        path = folder / f"{name}{f'-{number}' if number > 1 else ''}{suffix}.mcap"
        if not path.exists() and not path.with_name(path.name + ".part").exists():
            return path
    raise OutputUnwritable(f"'{folder}' holds a thousand records named {name}; expected fewer: move them away")


def read_record(path: Path) -> Iterator[RecordedMessage]:
    """The messages of a record in the order of recording; a record that breaks off ends early.

    Raises:
        InputUnreadable: no file, or none of MCAP with ROS 2 messages.
        BackendUnavailable: the package ``mcap`` is not installed.
    """
    with _installed():
        from mcap.records import Channel, Message, Schema
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    try:
        with path.open("rb") as file:
            for record in _records(file, path):
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    channels[record.id] = record
                elif isinstance(record, Message):
                    channel = channels[record.channel_id]
                    kind = schemas[channel.schema_id].name if channel.schema_id in schemas else ""
                    yield RecordedMessage(channel.topic, kind, record.log_time, record.data)
    except OSError as error:
        if isinstance(error, InputUnreadable):
            raise
        raise InputUnreadable(
            f"'{path}' cannot be read: {error.strerror}; expected an MCAP record: check the name"
        ) from error


def journal_of(messages: Iterator[RecordedMessage]) -> Iterator[str]:
    """The batches of the controller's journal."""
    for message in messages:
        if message.kind == STRING_TYPE and message.topic.endswith(JOURNAL_SUFFIX):
            yield text_from_cdr(message.data)


def text_from_cdr(data: bytes) -> str:
    """The text of a serialized std_msgs/String."""
    start = _CDR_HEADER + 4
    (length,) = struct.unpack("<I" if data[1] & 1 else ">I", data[_CDR_HEADER:start])
    return data[start : start + max(0, length - 1)].decode()  # without the closing zero


def cdr_from_text(text: str) -> bytes:
    """A serialized std_msgs/String."""
    raw = text.encode() + b"\0"
    return b"\0\1\0\0" + struct.pack("<I", len(raw)) + raw


@contextlib.contextmanager
def _installed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise BackendUnavailable(
            f"records need the Python package mcap ({error}); expected it beside the others: `pip install mcap`, "
            "or fly with record:=off"
        ) from error


def _records(file: IO[bytes], path: Path) -> Iterator[object]:
    from mcap.exceptions import EndOfFile, McapError
    from mcap.stream_reader import StreamReader
    from zstandard import ZstdError

    stream = StreamReader(file)
    seen = False
    try:
        for record in stream.records:
            seen = True
            yield record
    except (EndOfFile, McapError, ValueError, EOFError, struct.error, ZstdError) as error:
        if not seen:
            raise InputUnreadable(
                f"'{path}' is no MCAP record ({type(error).__name__}); expected one that a flight left: check the name"
            ) from error
