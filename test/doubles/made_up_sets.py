"""Small trees of pictures and text in the shape of each official layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

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
