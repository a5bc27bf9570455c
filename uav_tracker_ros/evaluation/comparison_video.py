"""A video of one sequence with the boxes of several trackers, one panel each, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from uav_tracker_ros.evaluation.datasets.sequence import Sequence
from uav_tracker_ros.evaluation.overlay import BgrImage, draw_overlay
from uav_tracker_ros.evaluation.running import FrameRecord
from uav_tracker_ros.evaluation.video_file import open_video
from uav_tracker_ros.geometry import Box, Image

_WIDTH = 1920  # px, at most; encoders of small machines end there


def write_comparison(file: Path, sequence: Sequence, records: Mapping[str, list[FrameRecord]]) -> None:
    """Draw every tracker's box and the true one into a panel of its own.

    Args:
        file: ``.mp4``.
        sequence: is decoded once more.
        records: by tracker, one a frame.

    Raises:
        OutputUnwritable: no encoder for it.
        InputUnreadable: frames that cannot be read.
    """
    writer = None
    try:
        for number, image in enumerate(sequence.frames()):
            truth = sequence.truth[number]
            true_box = Box(*map(float, truth)) if np.isfinite(truth).all() else None
            panels = [draw_panel(image, name, rows[number], true_box, number) for name, rows in records.items()]
            picture = side_by_side(panels)
            if writer is None:
                writer = open_video(file, sequence.rate, picture)
            writer.write(picture)
    finally:
        if writer is not None:
            writer.release()


def draw_panel(image: Image, tracker: str, record: FrameRecord, true_box: Box | None, number: int) -> BgrImage:
    """One tracker's view of one frame."""
    score = "given" if math.isnan(record.score) else f"score {record.score:.2f}"
    return draw_overlay(
        image,
        box=record.box,
        state=record.state,
        confidence=record.confidence,
        true_box=true_box,
        lines=(f"frame {number}  {score}",),
        headline=tracker,
    )


def side_by_side(panels: list[BgrImage]) -> BgrImage:
    """(H, W, 3) of equal panels in rows, as square as they come, at most 1920 px wide; sides are even."""
    columns = math.ceil(math.sqrt(len(panels)))
    rows = math.ceil(len(panels) / columns)
    height, width = panels[0].shape[:2]
    scale = min(1.0, _WIDTH / (columns * width))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))  # encoders want even sides
    canvas = np.zeros((rows * height, columns * width, 3), np.uint8)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        small = cv2.resize(panel, (width, height), interpolation=cv2.INTER_AREA)
        canvas[row * height : (row + 1) * height, column * width : (column + 1) * width] = small
    return canvas
