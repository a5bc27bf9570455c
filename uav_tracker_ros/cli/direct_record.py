"""The record of a flight that is stepped without ROS: its journal alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from uav_tracker_ros.nodes.recording_file import (
    JOURNAL_SUFFIX,
    STRING_DEFINITION,
    STRING_TYPE,
    RecordingFile,
    cdr_from_text,
)

TOPIC = f"/{JOURNAL_SUFFIX}"


class DirectRecord:
    """``with`` gives the function that a stepped flight takes as its journal, or None.

    Args:
        path: of the record; replaced.
        wanted: False: nothing is recorded.

    Raises:
        OutputUnwritable: the file cannot be made there.
    """

    def __init__(self, path: Path, *, wanted: bool) -> None:
        self._file = RecordingFile(path, {"simulation": "stepped"}) if wanted else None

    def __enter__(self) -> Callable[[float, str], None] | None:
        if self._file is None:
            return None
        self._file.add_topic(TOPIC, STRING_TYPE, STRING_DEFINITION)
        return self._write

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, now: float, batch: str) -> None:
        """One cycle at ``now`` (s)."""
        if self._file is not None:
            self._file.write(TOPIC, round(now * 1e9), cdr_from_text(batch))
