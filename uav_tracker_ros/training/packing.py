"""Makes a small copy of training folders, for a machine that takes only so many bytes.

Cut-outs, backgrounds and clips are copied as they are, of clips that teach little every fourth; stills are written
anew where that is smaller, as many as fit. The copy has the layout of a data folder.

    python -m uav_tracker_ros.training.packing --data DIR --data DIR --out DIR --megabytes 50
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from uav_tracker_ros.errors import OutputExists, UavTrackerError
from uav_tracker_ros.training.scenes import pictures
from uav_tracker_ros.training.scenes.pictures import Still

_STILL_PX = 400  # longer side
_QUALITY = 75
_MANY_ALIKE = (*pictures.LOOSE_BOXES, "foda_")  # clips of which every fourth is enough
_STEP = 4
_SPARE_PICTURES = 0.25  # of the room after clips, for pictures without boxes


class _Room:
    """Bytes that are left."""

    def __init__(self, megabytes: float) -> None:
        self.left = int(megabytes * 2**20)

    def take(self, size: int) -> bool:
        """True where it fits; it is then taken."""
        if size > self.left:
            return False
        self.left -= size
        return True


def pack(folders: list[Path], out: Path, megabytes: float) -> dict[str, int]:
    """Write the copy.

    Returns:
        How many of each kind, and ``bytes``.

    Raises:
        OutputExists: the folder is there.
        InputUnreadable: a data folder that is not there or holds nothing.
    """
    if out.exists():
        raise OutputExists(f"{out} is there; expected a new folder for the copy; choose another or remove it")
    stills = pictures.load(folders, frame_step=10**6).stills
    room = _Room(megabytes)
    for part in ("clips", "cutouts", "backgrounds", "stills"):
        (out / part).mkdir(parents=True)
    counts = {"cutouts": _copy(folders, "cutouts", out / "cutouts", room)}
    counts["clips"] = _copy_clips(folders, out, room)
    counts["backgrounds"] = _copy(folders, "backgrounds", out / "backgrounds", room)
    spare = _Room(room.left * _SPARE_PICTURES / 2**20)
    before = spare.left
    counts["backgrounds"] += _copy(folders, "pictures", out / "backgrounds", spare)
    room.take(before - spare.left)
    counts["stills"] = _write_stills(stills, out, room)
    return {**counts, "bytes": int(megabytes * 2**20) - room.left}


def _copy(folders: list[Path], kind: str, out: Path, room: _Room) -> int:
    count = 0
    for folder in folders:
        for name, data in pictures.picture_files(folder, kind):
            if room.take(len(data)):
                data.tofile(out / name)
                count += 1
    return count


def _copy_clips(folders: list[Path], out: Path, room: _Room) -> int:
    rows: list[tuple[Path, dict[str, Any]]] = []
    for folder in folders:
        if (folder / "clips.json").is_file():
            rows.extend((folder, row) for row in json.loads((folder / "clips.json").read_text()))
    alike = [entry for entry in rows if entry[1]["name"].startswith(_MANY_ALIKE)]
    varied = [entry for entry in rows if entry not in alike]
    kept = []
    for folder, row in [*varied, *alike[::_STEP]]:
        files = [folder / "clips" / f"{row['name']}{suffix}" for suffix in (".mp4", ".txt")]
        if room.take(sum(file.stat().st_size for file in files)):
            for file in files:
                shutil.copyfile(file, out / "clips" / file.name)
            kept.append(row)
    (out / "clips.json").write_text(json.dumps(kept))
    return len(kept)


def _write_stills(stills: list[Still], out: Path, room: _Room) -> int:
    table: dict[str, list[list[float | str]]] = {}
    for number in np.random.default_rng(0).permutation(len(stills)):
        still = stills[number]
        image = pictures.decode(still.encoded)
        scale = min(1.0, _STILL_PX / max(image.shape[:2]))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].ravel()
        if scale == 1 and isinstance(still.encoded, np.ndarray) and len(still.encoded) < len(data):
            data = still.encoded
        if not room.take(len(data)):
            break
        name = f"{Path(still.name).stem}.jpg"
        data.tofile(out / "stills" / name)
        boxes = [[round(part * scale, 2) for part in (box.x, box.y, box.w, box.h)] for box in still.boxes]
        table[name] = [[*box, kind] for box, kind in zip(boxes, still.classes, strict=True)]
    (out / "stills.json").write_text(json.dumps(table))
    return len(table)


def main() -> int:
    """Read the options, write the copy, print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, help="data folder; may be given again")
    parser.add_argument("--out", type=Path, required=True, help="folder of the copy; must not exist")
    parser.add_argument("--megabytes", type=float, default=50.0, help="MiB that the copy may have")
    given = parser.parse_args()
    try:
        print(json.dumps(pack(given.data, given.out, given.megabytes)))  # noqa: T201 - a command
    except UavTrackerError as error:
        print(f"packing: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
