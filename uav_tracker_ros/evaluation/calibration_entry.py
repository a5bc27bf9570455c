"""A calibration's place in ``models.yaml``: the text of its row is changed, comments and other rows stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from uav_tracker_ros.errors import InvalidParameter, OutputUnwritable
from uav_tracker_ros.trackers.confidence import Calibration


def with_calibration(text: str, name: str, calibration: Calibration) -> str:
    """``text`` of a models.yaml with the calibration of tracker ``name`` added or replaced.

    Raises:
        InvalidParameter: no row of that name that spans lines of its own.
    """
    row = re.search(rf"^  {re.escape(name)}:[ \t]*\n((?:    .*\n|[ \t]*\n)*)", text, re.MULTILINE)
    if row is None:
        raise InvalidParameter(
            f"models.yaml has no row '{name}:' with one key a line; expected one to hold the calibration; write it so"
        )
    others = re.sub(r"^    calibration:.*\n(?:      .*\n)*", "", row.group(1), flags=re.MULTILINE)
    body = others.rstrip("\n")
    blank_lines = others[len(body) + 1 :]
    changed = f"{text[: row.start(1)]}{body}\n{_entry(calibration)}{blank_lines}{text[row.end() :]}"
    _check_others(text, changed, name)
    return changed


def store(file: Path, name: str, calibration: Calibration) -> None:
    """Put it into the file, which is replaced as a whole or not at all.

    Raises:
        InvalidParameter: see :func:`with_calibration`.
        OutputUnwritable: the folder cannot be written.
    """
    changed = with_calibration(file.read_text(encoding="utf-8"), name, calibration)
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_text(changed, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputUnwritable(
            f"{file} cannot be written: {error.strerror}; expected a place with write access; copy the folder and give "
            "--models-dir"
        ) from error


def _entry(calibration: Calibration) -> str:
    lines = [
        "calibration:",
        f"  names: [{', '.join(calibration.names)}]",
        f"  mean: {_numbers(calibration.mean)}",
        f"  std: {_numbers(calibration.std)}",
        f"  weights: {_numbers(calibration.weights)}",
        f"  bias: {calibration.bias:.5g}",
        f'  data: "{calibration.data}"',
        f"  data_sha256: {calibration.data_sha256}",
    ]
    return "".join(f"    {line}\n" for line in lines)


def _numbers(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:.5g}" for value in values) + "]"


def _check_others(before: str, after: str, name: str) -> None:
    """A slip in editing text must not cost another tracker its row."""
    old, new = (yaml.safe_load(text)["trackers"] for text in (before, after))
    old[name].pop("calibration", None)
    if "calibration" not in new[name] or {**new[name], "calibration": None} != {**old[name], "calibration": None}:
        raise InvalidParameter(f"models.yaml: row '{name}' is laid out in an unknown way; write it as the others are")
    if {key: value for key, value in new.items() if key != name} != {k: v for k, v in old.items() if k != name}:
        raise InvalidParameter(f"models.yaml: rows beside '{name}' would change; lay it out as the others are")
