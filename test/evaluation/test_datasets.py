"""Every layout on a small made-up tree of the same shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_up_sets import MAKERS, SIZE, boxes, write

from uav_tracker_ros.errors import InputUnreadable, UnknownName
from uav_tracker_ros.evaluation.datasets import LAYOUTS, open_dataset

# Name of each sequence: number of its first picture, frames, absent frames, attributes.
EXPECTED = {
    "uav123": {"boat1": (1, 3, [1], ("SV", "FOC", "SOB")), "truck4_2": (577, 3, [], ())},
    "uav123_10fps": {"truck4_2": (193, 3, [], ())},
    "dtb70": {"Car2": (1, 3, [], ("OCC", "MB")), "Surfing06": (1, 3, [], ())},
    "uavdt": {"S0101": (1, 3, [], ("BC", "LO"))},
    "visdrone": {"uav0000003_00000_s": (1, 3, [1], ("BC", "VC"))},
    "otb": {
        "Board": (1, 2, [], ()),
        "David": (300, 3, [], ()),
        "Jogging.1": (1, 3, [], ()),
        "Jogging.2": (1, 3, [], ("OPR", "OCC", "DEF")),
        "Tiger1": (6, 3, [], ()),
    },
    "lasot": {"airplane-1": (1, 4, [1, 3], ("IV", "ARC"))},
    "got10k": {"GOT-10k_Val_000001": (1, 3, [1], ())},
    "plain": {"clip": (0, 3, [], ()), "walk": (8, 3, [], ())},
}


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[str], Path]:
    def make(layout: str) -> Path:
        MAKERS[layout](tmp_path / "set")
        return tmp_path / "set"

    return make


def test_every_layout_has_a_tree() -> None:
    assert EXPECTED.keys() == LAYOUTS.keys() == MAKERS.keys()


@pytest.mark.parametrize("layout", EXPECTED)
def test_layout_is_recognised_and_read(tree: Callable[[str], Path], layout: str) -> None:
    name, found = open_dataset(tree(layout))
    assert name == layout
    assert [sequence.name for sequence in found] == list(EXPECTED[layout])
    for sequence in found:
        first, count, absent, attributes = EXPECTED[layout][sequence.name]
        images = list(sequence.frames())
        assert [image.shape for image in images] == [SIZE] * count
        assert abs(int(images[0][0, 0, 0]) - first * 10 % 200) <= 2
        assert list(np.flatnonzero(np.isnan(sequence.truth).any(axis=1))) == absent
        assert sequence.attributes == attributes
        assert sequence.first_box[1:] == (2, 8, 9)


@pytest.mark.parametrize(("layout", "rate"), [("uav123", 30), ("uav123_10fps", 10), ("got10k", 10), ("dtb70", 30)])
def test_rate_is_the_sets(tree: Callable[[str], Path], layout: str, rate: float) -> None:
    assert {sequence.rate for sequence in open_dataset(tree(layout))[1]} == {rate}


def test_one_video_and_one_folder(tree: Callable[[str], Path]) -> None:
    root = tree("plain")
    assert [(s.name, s.rate) for s in open_dataset(root / "clip.mp4")[1]] == [("clip", 25)]
    assert [s.name for s in open_dataset(root / "walk")[1]] == ["walk"]


def test_a_split_of_got10k_by_itself(tree: Callable[[str], Path]) -> None:
    assert open_dataset(tree("got10k") / "val")[0] == "got10k"


@pytest.mark.parametrize(
    ("layout", "damage", "said"),
    [
        pytest.param("plain", lambda root: write(root / "clip.txt", boxes(5)), "5 true boxes", id="truth too long"),
        pytest.param("plain", lambda root: write(root / "clip.txt", boxes(2)), "2 true boxes", id="truth too short"),
        pytest.param("plain", lambda root: write(root / "clip.txt", "1,2,x,4\n"), "line 1", id="letters"),
        pytest.param("plain", lambda root: write(root / "clip.txt", ""), "holds no box", id="empty truth"),
        pytest.param("plain", lambda root: (root / "clip.txt").write_bytes(b"\xff\xfe\x00"), "read", id="binary truth"),
        pytest.param("plain", lambda root: (root / "clip.mp4").write_text("x"), "cannot be read", id="no video"),
        pytest.param(
            "uav123", lambda root: (root / "data_seq/UAV123/boat1/000002.jpg").unlink(), "number 2", id="a gap"
        ),
        pytest.param("uav123", lambda root: write(root / "anno/UAV123/bike1.txt", boxes(2)), "bike1", id="no pictures"),
        pytest.param(
            "visdrone",
            lambda root: write(root / "attributes/uav0000003_00000_s_attr.txt", "1,0"),
            "2 attributes; expected 12",
            id="too few attributes",
        ),
        pytest.param(
            "lasot",
            lambda root: write(root / "airplane/airplane-1/out_of_view.txt", "0,0"),
            "flags of absence",
            id="too few flags",
        ),
        pytest.param(
            "got10k",
            lambda root: write(root / "val/GOT-10k_Val_000001/absence.label", "no"),
            "expected 0 and 1",
            id="words",
        ),
        pytest.param(
            "dtb70", lambda root: write(root / "Car2/groundtruth_rect.txt", boxes(9)), "9 true", id="official"
        ),
    ],
)
def test_damaged_sets_are_refused(
    tree: Callable[[str], Path], layout: str, damage: Callable[[Path], None], said: str
) -> None:
    root = tree(layout)
    damage(root)
    with pytest.raises(InputUnreadable, match=said):
        open_dataset(root, layout)


def test_the_test_split_of_got10k_has_no_truth(tree: Callable[[str], Path]) -> None:
    root = tree("got10k")
    write(root / "val/GOT-10k_Val_000001/groundtruth.txt", boxes(1))
    (root / "val/GOT-10k_Val_000001/absence.label").unlink()
    with pytest.raises(InputUnreadable, match="use the split val"):
        open_dataset(root)


def test_unreadable_picture_is_named_when_its_turn_comes(tree: Callable[[str], Path]) -> None:
    root = tree("plain")
    (root / "walk/9.png").write_bytes(b"")
    sequence = open_dataset(root / "walk")[1][0]
    with pytest.raises(InputUnreadable, match=r"9\.png"):
        list(sequence.frames())


def test_unknown_layouts(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="no known layout"):
        open_dataset(tmp_path)
    with pytest.raises(InputUnreadable, match="is not there"):
        open_dataset(tmp_path / "nothing")
    with pytest.raises(UnknownName, match="did you mean 'uav123'"):
        open_dataset(tmp_path, "uav12")
