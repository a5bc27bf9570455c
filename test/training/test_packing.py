"""The copy for a small machine keeps to its size and trains like the original."""

from pathlib import Path

import made_up_pictures
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")

from uav_tracker_ros.errors import OutputExists  # noqa: E402 - after the check for torch
from uav_tracker_ros.training.packing import pack  # noqa: E402
from uav_tracker_ros.training.scenes import pictures  # noqa: E402


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*.*") if file.suffix != ".json")


def test_the_copy_is_a_data_folder(tmp_path: Path) -> None:
    data = made_up_pictures.make(tmp_path / "data")
    counts = pack([data], tmp_path / "copy", 5.0)
    assert counts == {"cutouts": 3, "clips": 2, "backgrounds": 3, "stills": 3, "bytes": _size(tmp_path / "copy")}
    copy, original = pictures.load([tmp_path / "copy"]), pictures.load([data])
    assert sorted(still.boxes for still in copy.stills) == sorted(still.boxes for still in original.stills)
    assert len(pictures.load([tmp_path / "copy"], split="val").clips) == 1
    with pytest.raises(OutputExists):
        pack([data], tmp_path / "copy", 5.0)


def test_it_stops_where_the_room_ends(tmp_path: Path) -> None:
    data = made_up_pictures.make(tmp_path / "data")
    whole = pack([data], tmp_path / "whole", 5.0)
    room = (whole["bytes"] - 2000) / 2**20
    counts = pack([data], tmp_path / "copy", room)
    assert counts["stills"] < 3
    assert counts["bytes"] <= room * 2**20
