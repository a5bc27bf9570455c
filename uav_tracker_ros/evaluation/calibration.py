"""The data of a calibration: a tracker over clips, with losses made on purpose, and whether each box was right.

Left alone on training clips a tracker is nearly always right, and a regression on that learns nothing. So
each clip is run three times: plain; with the target covered by a piece of its surroundings for 20 of 40
frames; and with the tracker moved off the target once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidBox, InvalidParameter
from uav_tracker_ros.geometry import Box, Image, iou
from uav_tracker_ros.trackers.confidence import (
    FEATURE_NAMES,
    Calibration,
    auroc,
    expected_calibration_error,
    feature_vector,
    fit,
)
from uav_tracker_ros.trackers.contract import Probing, Tracker

Treatment = Literal["plain", "covered", "moved"]
TREATMENTS: tuple[Treatment, ...] = get_args(Treatment)
CORRECT_FROM = 0.5  # IoU: what the confidence is a probability of
FOLDS = 5
_COVER_EVERY, _COVERED = 40, 20  # frames; the first half of each period is free
_COVER_MARGIN = 0.15  # of the box's sides, on each side
_MOVE_AT = 12  # frame at which a tracker is moved off ...
_MOVE_BY = 1.6  # ... by so many of the target's sides
_GIVE_UP = 10  # wrong frames in a row after which it is started anew: a loss that never ends is one example
_LEAST_SIDE = 6.0  # px; a smaller first box is mostly rounding
_LEAST_FRAMES = 20  # that must follow the first box
_REDUNDANT = ("similarity",)  # OpenCV's trackers give it, and it is their score


class Outcomes(NamedTuple):
    """What one clip gave: a row a judged frame."""

    features: NDArray[np.float64]  # (N, len(FEATURE_NAMES)); NaN where the family does not measure one
    correct: NDArray[np.bool_]  # (N,) IoU of at least CORRECT_FROM, and the target not covered


class Validation(NamedTuple):
    """How well the calibration does on clips that it was not fitted on."""

    auroc: float
    ece: float  # expected calibration error over 15 bins
    frames: int
    wrong: float  # share of the frames


def observe_clip(
    tracker: Tracker, images: Sequence[Image], truth: NDArray[np.float64], frames: int, seed: int
) -> Outcomes:
    """Run a tracker over one clip, once a treatment.

    Args:
        tracker: started anew for each treatment.
        images: every frame of the clip; not changed.
        truth: (len(images), 4) true boxes; frames with NaN are shown to the tracker but not judged.
        frames: most that one treatment looks at.
        seed: draws the direction of the move.
    """
    rng = np.random.default_rng(seed)
    usable = np.flatnonzero(np.isfinite(truth).all(axis=1) & (truth[:, 2:].min(axis=1) >= _LEAST_SIDE))
    rows: list[NDArray[np.float64]] = []
    correct: list[bool] = []
    for treatment in TREATMENTS:
        angle = float(rng.uniform(0, 2 * np.pi))
        if not len(usable):
            continue
        start = int(usable[0] if treatment == "plain" else usable[len(usable) // 4])
        if start + _LEAST_FRAMES < len(images) and (treatment != "moved" or isinstance(tracker, Probing)):
            stop = min(len(images), start + frames)
            _one_pass(tracker, images[start:stop], truth[start:stop], treatment, angle, rows, correct)
    return Outcomes(np.array(rows).reshape(-1, len(FEATURE_NAMES)), np.array(correct, bool))


def _one_pass(
    tracker: Tracker,
    images: Sequence[Image],
    truth: NDArray[np.float64],
    treatment: Treatment,
    angle: float,
    rows: list[NDArray[np.float64]],
    correct: list[bool],
) -> None:
    boxes = [Box(*map(float, row)) if np.isfinite(row).all() else None for row in truth]
    wrong_in_a_row = _GIVE_UP  # not started yet
    for number, (image, box) in enumerate(zip(images, boxes, strict=True)):
        covered = treatment == "covered" and number % _COVER_EVERY >= _COVER_EVERY - _COVERED
        if wrong_in_a_row >= _GIVE_UP and box is not None and not covered:
            try:
                tracker.initialize(image, box)
            except InvalidBox:  # too small or outside by now: the next frame may do
                continue
            wrong_in_a_row = 0
            continue
        if not number:
            return  # the tracker refused the first box
        if treatment == "moved" and number == _MOVE_AT and box is not None and isinstance(tracker, Probing):
            tracker.move_to(_beside(box, angle))
        observation = tracker.update(cover(image, box) if covered and box is not None else image)
        if box is None:
            continue
        right = not covered and iou(observation.box, box) >= CORRECT_FROM
        if not covered:
            wrong_in_a_row = 0 if right else wrong_in_a_row + 1
        rows.append(feature_vector(observation.score, observation.features))
        correct.append(right)


def _beside(box: Box, angle: float) -> Box:
    center_x, center_y = box.center
    return Box.from_center(
        center_x + _MOVE_BY * box.w * np.cos(angle), center_y + _MOVE_BY * box.h * np.sin(angle), box.w, box.h
    )


def cover(image: Image, box: Box) -> Image:
    """A copy of ``image`` with the box, and 15 % around it, hidden by a piece from beside it.

    Where the image has no such piece (the box is wider than half of it) the box is blurred away.
    """
    height, width = image.shape[:2]
    margin_x, margin_y = _COVER_MARGIN * box.w, _COVER_MARGIN * box.h
    around = Box(box.x - margin_x, box.y - margin_y, box.w + 2 * margin_x, box.h + 2 * margin_y)
    x0, y0, x1, y1 = (int(edge) for edge in around.clipped(width, height).xyxy)
    result: Image = image.copy()
    w = x1 - x0
    if w < 1 or y1 - y0 < 1:
        return result
    gap = int(0.6 * w)
    source = x1 + gap if x1 + gap + w <= width else x0 - gap - w
    if source >= 0:
        result[y0:y1, x0:x1] = image[y0:y1, source : source + w]
    else:
        result[y0:y1, x0:x1] = cv2.blur(image[y0:y1, x0:x1], (max(1, w // 2), max(1, (y1 - y0) // 2)))
    return result


def fit_confidence(clips: Sequence[Outcomes], seed: int) -> tuple[Calibration, Validation]:
    """Fit on all clips; judge by cross-validation in which no clip is on both sides.

    Raises:
        InvalidParameter: fewer than two clips gave frames, or all boxes were right, or none.
    """
    filled = [clip for clip in clips if len(clip.correct)]
    table = np.vstack([clip.features for clip in filled]) if filled else np.zeros((0, len(FEATURE_NAMES)))
    correct = np.concatenate([clip.correct for clip in filled]) if filled else np.zeros(0, bool)
    if len(filled) < 2 or correct.all() or not correct.any():
        raise InvalidParameter(
            f"{len(filled)} clips gave {len(correct)} frames, {int(correct.sum())} of them right; expected two clips "
            "or more, and boxes of both kinds; give more clips"
        )
    columns = [
        number
        for number, name in enumerate(FEATURE_NAMES)
        if name not in _REDUNDANT and np.isfinite(table[:, number]).any()
    ]
    names, table = [FEATURE_NAMES[number] for number in columns], table[:, columns]
    fold_of_clip = np.random.default_rng(seed).permutation(len(filled)) % min(FOLDS, len(filled))
    fold = np.repeat(fold_of_clip, [len(clip.correct) for clip in filled])
    confidence = np.zeros(len(correct))
    for number in range(fold_of_clip.max() + 1):
        held_out = fold == number
        confidence[held_out] = fit(table[~held_out], correct[~held_out], names).confidences(table[held_out])
    validation = Validation(
        auroc(confidence, correct), expected_calibration_error(confidence, correct), len(correct), 1 - correct.mean()
    )
    return fit(table, correct, names), validation


def fingerprint(clips: Sequence[Outcomes]) -> str:
    """SHA-256 of the features and outcomes of all clips."""
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(np.ascontiguousarray(clip.features).tobytes())
        digest.update(clip.correct.tobytes())
    return digest.hexdigest()
