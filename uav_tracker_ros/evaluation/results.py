"""A folder of results: boxes, scores and times of every finished pass, kept so that a run can go on.

``TRACKER/SEQUENCE.txt`` has x,y,w,h a frame, ``TRACKER/times/SEQUENCE_time.txt`` seconds a frame (both as GOT-10k's
toolkit has them), ``TRACKER/frames/SEQUENCE.csv`` everything; ``TRACKER/run.json`` says what made them. A file appears
whole or not at all.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from uav_tracker_ros.errors import OutputExists, OutputUnwritable
from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.evaluation.running import FrameRecord
from uav_tracker_ros.geometry import Box, TargetState

MARK = "evaluation.json"  # a folder with it is one of these
_INDEX = "run.json"
_COLUMNS = ("frame", "x", "y", "w", "h", "score", "confidence", "state", "seconds")
_KIND = {"schema": 1, "kind": "uav-tracker evaluate"}


def publish(file: Path, write: Callable[[Path], Any]) -> Path:
    """Let ``write`` fill a file of another name, then give it its own.

    Raises:
        OutputUnwritable: the place cannot be written.
    """
    partial = file.with_name(f".partial-{file.name}")  # its ending says the format to who writes it
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputUnwritable(
            f"cannot write '{file}': {reason}; expected a place with write access: choose another --out"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return file


def publish_text(file: Path, text: str) -> Path:
    """A text file that appears whole or not at all."""
    return publish(file, lambda partial: partial.write_text(text, encoding="utf-8"))


class ResultFolder:
    """The folder of one data set's results, of any number of trackers.

    Leaving the ``with`` block takes a folder away in which nothing was saved.

    Args:
        path: made if absent.

    Raises:
        OutputExists: it holds files that are not results of this kind.
        OutputUnwritable: it cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists() and not (path / MARK).is_file() and (not path.is_dir() or any(path.iterdir())):
            raise OutputExists(
                f"output folder '{path}' holds other files; expected a new one or results of `uav-tracker evaluate`: "
                "choose another --out"
            )
        if not (path / MARK).is_file():
            publish_text(path / MARK, json.dumps(_KIND) + "\n")

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if [entry.name for entry in self.path.iterdir()] == [MARK]:
            (self.path / MARK).unlink()
            self.path.rmdir()

    def of(self, tracker: str, identity: Mapping[str, Any], *, restart: bool = False) -> TrackerResults:
        """What is there of a tracker.

        Args:
            tracker: its name.
            identity: what its boxes depend on (weights, way of running); plain JSON.
            restart: forget what is there.

        Raises:
            OutputExists: its results are of another identity.
        """
        return TrackerResults(self.path / tracker, dict(identity), restart=restart)


class TrackerResults:
    """One tracker's finished sequences; made by :meth:`ResultFolder.of`."""

    def __init__(self, folder: Path, identity: dict[str, Any], *, restart: bool) -> None:
        self._folder = folder
        self._identity = identity
        self._sequences: dict[str, dict[str, Any]] = {}
        index = folder / _INDEX
        if not index.is_file():
            return
        try:
            stored = json.loads(index.read_text(encoding="utf-8"))
            before, self._sequences = dict(stored["identity"]), dict(stored["sequences"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputExists(
                f"'{index}' cannot be read ({error}); expected an evaluation's index: {_WAYS}"
            ) from error
        if restart:
            self._forget()
        elif before != identity:
            keys = sorted(key for key in before.keys() | identity.keys() if before.get(key) != identity.get(key))
            changes = ", ".join(f"{key} {before.get(key)} there, {identity.get(key)} now" for key in keys)
            raise OutputExists(f"'{folder}' holds results of another run ({changes}): {_WAYS}")

    @property
    def count(self) -> int:
        """How many passes are finished."""
        return len(self._sequences)

    def finished(self, sequence: Sequence) -> list[FrameRecord] | None:
        """The records of a finished pass, exactly as they were; None if it is still to do.

        Raises:
            OutputExists: the results are of a sequence of this name with other truth, or damaged.
        """
        entry = self._sequences.get(sequence.name)
        if entry is None:
            return None
        if entry != _fingerprint(sequence):
            raise OutputExists(
                f"'{self._folder}' holds results of {sequence.name} with other true boxes; expected those of "
                f"{sequence.truth_file}: {_WAYS}"
            )
        file = self._folder / "frames" / f"{sequence.name}.csv"
        try:
            with file.open(newline="", encoding="utf-8") as stream:
                records = [_record(row) for row in csv.DictReader(stream)]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputExists(f"'{file}' cannot be read ({error}); expected finished results: {_WAYS}") from error
        if len(records) != len(sequence.truth):
            raise OutputExists(f"'{file}' has {len(records)} frames, {len(sequence.truth)} expected: {_WAYS}")
        return records

    def save(self, sequence: Sequence, records: list[FrameRecord]) -> None:
        """Keep one finished pass; the index names it last, so that a half-written one is run again."""
        name = sequence.name
        boxes = "".join(",".join(f"{part:.3f}" for part in record.box) + "\n" for record in records)
        times = "".join(f"{0.0 if math.isnan(record.seconds) else record.seconds:.8f}\n" for record in records)
        publish_text(self._folder / f"{name}.txt", boxes)
        publish_text(self._folder / "times" / f"{name}_time.txt", times)
        publish_text(self._folder / "frames" / f"{name}.csv", _table(records))
        self._sequences[name] = _fingerprint(sequence)
        self._write_index()

    def _forget(self) -> None:
        names, self._sequences = list(self._sequences), {}
        self._write_index()
        for name in names:
            for file in (f"{name}.txt", f"times/{name}_time.txt", f"frames/{name}.csv"):
                (self._folder / file).unlink(missing_ok=True)

    def _write_index(self) -> None:
        index = {"schema": 1, "identity": self._identity, "sequences": self._sequences}
        publish_text(self._folder / _INDEX, json.dumps(index, indent=1) + "\n")


_WAYS = "choose another --out, or --restart to run it again"


def _fingerprint(sequence: Sequence) -> dict[str, Any]:
    digest = hashlib.sha256(sequence.truth.tobytes()).hexdigest()
    return {"frames": len(sequence.truth), "truth_sha256": digest, "rate": sequence.rate}


def _table(records: list[FrameRecord]) -> str:
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for number, record in enumerate(records):
        score, confidence, seconds = (
            "" if math.isnan(value) else repr(float(value))
            for value in (record.score, record.confidence, record.seconds)
        )
        box = [repr(float(part)) for part in record.box]
        rows.writerow([number, *box, score, confidence, record.state.name, seconds])
    return stream.getvalue()


def _record(row: Mapping[str, str]) -> FrameRecord:
    score, confidence, seconds = (
        float(row[name]) if row[name] else math.nan for name in ("score", "confidence", "seconds")
    )
    box = Box(*(float(row[name]) for name in "xywh"))
    return FrameRecord(box, score, confidence, TargetState[row["state"]], seconds)
