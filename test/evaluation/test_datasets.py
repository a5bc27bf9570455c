"""Every layout on a small made-up tree of the same shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from uav_tracker_ros.errors import InputUnreadable, UnknownName
from uav_tracker_ros.evaluation.datasets import LAYOUTS, open_dataset

SIZE = (24, 32, 3)


def draw(folder: Path, numbers: range, form: str = "{:06d}.jpg") -> None:
    """Pictures whose grey is ten times their number (modulo 200)."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / form.format(number)), np.full(SIZE, number * 10 % 200, np.uint8))


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def boxes(count: int, separator: str = ",") -> str:
    return "".join(separator.join(map(str, (1 + number, 2, 8, 9))) + "\n" for number in range(count))


def uav123(root: Path) -> None:
    data, anno = root / "data_seq/UAV123", root / "anno/UAV123"
    draw(data / "truck4", range(1, 580))
    draw(data / "boat1", range(1, 4))
    write(anno / "truck4_2.txt", boxes(3))
    write(anno / "boat1.txt", "1,2,8,9\nNaN,NaN,NaN,NaN\n3,2,8,9\n")
    write(anno / "att/boat1.txt", "1,0,0,0,1,0,0,0,0,0,0,1\n")


def uav123_10fps(root: Path) -> None:
    draw(root / "data_seq/UAV123_10fps/truck4", range(190, 197))
    write(root / "anno/UAV123_10fps/truck4_2.txt", boxes(3))


def dtb70(root: Path) -> None:
    for name in ("Surfing06", "Car2"):
        draw(root / name / "img", range(1, 4), "{:05d}.jpg")
        write(root / name / "groundtruth_rect.txt", boxes(3))
    write(root / "att/Car2.txt", "0,0,1,0,0,0,0,0,0,0,1")


def uavdt(root: Path) -> None:
    draw(root / "UAV-benchmark-S/S0101", range(1, 4), "img{:06d}.jpg")
    write(root / "UAV-benchmark-SOT_v1.0/anno/S0101_gt.txt", boxes(3))
    write(root / "UAV-benchmark-SOT_v1.0/anno/att/S0101_att.txt", "1,0,0,0,0,0,0,0,1\n")


def visdrone(root: Path) -> None:
    draw(root / "sequences/uav0000003_00000_s", range(1, 4), "img{:07d}.jpg")
    write(root / "annotations/uav0000003_00000_s.txt", "1,2,8,9\n0,0,0,0\n3,2,8,9\n")
    write(root / "attributes/uav0000003_00000_s_attr.txt", "0,1,0,0,0,0,0,0,0,0,0,1")


def otb(root: Path) -> None:
    draw(root / "David/img", range(298, 304), "{:04d}.jpg")
    write(root / "David/groundtruth_rect.txt", boxes(3, "\t"))
    draw(root / "Jogging/img", range(1, 4), "{:04d}.jpg")
    write(root / "Jogging/groundtruth_rect.1.txt", boxes(3))
    write(root / "Jogging/groundtruth_rect.2.txt", boxes(3, " "))
    draw(root / "Tiger1/img", range(1, 9), "{:04d}.jpg")
    write(root / "Tiger1/groundtruth_rect.txt", boxes(8))
    draw(root / "Board/img", range(1, 3), "{:05d}.jpg")
    write(root / "Board/groundtruth_rect.txt", boxes(2))
    write(root / "anno/att/Jogging.2.txt", "0,1,0,1,1,0,0,0,0,0,0")


def lasot(root: Path) -> None:
    home = root / "airplane/airplane-1"
    draw(home / "img", range(1, 5), "{:08d}.jpg")
    write(home / "groundtruth.txt", boxes(4))
    write(home / "full_occlusion.txt", "0,1,0,0")
    write(home / "out_of_view.txt", "0,0,0,1")
    write(root / "annos/att/airplane-1.txt", "1,0,0,0,0,0,0,0,0,0,0,0,0,1\n")


def got10k(root: Path) -> None:
    home = root / "val/GOT-10k_Val_000001"
    draw(home, range(1, 4), "{:08d}.jpg")
    write(home / "groundtruth.txt", "1.0000,2.0000,8.0000,9.0000\n" * 3)
    write(home / "absence.label", "0\n1\n0\n")
    write(root / "val/list.txt", "GOT-10k_Val_000001\n")


def plain(root: Path) -> None:
    root.mkdir(exist_ok=True)
    writer = cv2.VideoWriter(str(root / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (32, 24))
    for number in range(3):
        writer.write(np.full(SIZE, number * 10, np.uint8))
    writer.release()
    write(root / "clip.txt", boxes(3))
    draw(root / "walk", range(8, 11), "{}.png")  # natural order: 10 comes last
    write(root / "walk/groundtruth.txt", boxes(3))
    write(root / "notes.txt", "not a truth: no video of this name")


MAKERS: dict[str, Callable[[Path], None]] = {
    "uav123": uav123,
    "uav123_10fps": uav123_10fps,
    "dtb70": dtb70,
    "uavdt": uavdt,
    "visdrone": visdrone,
    "otb": otb,
    "lasot": lasot,
    "got10k": got10k,
    "plain": plain,
}
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
