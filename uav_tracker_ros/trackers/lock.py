"""Is it still the target? TRACKING, UNCERTAIN or LOST, and finding it again.

The only home of the thresholds on confidence. A re-acquired target raises ``lock`` and stays UNCERTAIN
for a while: whether a vehicle follows it is decided by who reads ``lock`` and ``similarity``, not here.
"""

from __future__ import annotations

import logging
import math
from typing import NamedTuple

from uav_tracker_ros.geometry import Box, Image, TargetState, iou
from uav_tracker_ros.trackers.appearance import ViewBank
from uav_tracker_ros.trackers.confidence import Calibration, outside_share
from uav_tracker_ros.trackers.contract import Observation, Probing, Settling, Tracker
from uav_tracker_ros.trackers.inputs import not_initialized
from uav_tracker_ros.trackers.picture_motion import picture_motion
from uav_tracker_ros.trackers.redetection import ACCEPT_IOU, Redetection, search_side, swept_away

TRACKING_FROM = 0.5  # confidence; below it the size is frozen
CENTER_FROM = 0.3  # below it the centre is not believed either
LOST_BELOW = 0.2
LOST_AFTER = 5  # frames in a row below LOST_BELOW ...
REFUSED_AFTER = 15  # ... or below CENTER_FROM: what is believed no more must be searched, not waited for
LOST_OUTSIDE = 0.8  # share of the box outside the image
SIMILAR_FROM = 0.5  # what looks less like the target is not it; a vehicle asks for more (FollowSettings.reid_on)
PROBATION = 10  # frames of UNCERTAIN after a re-acquisition
PROBATION_CONFIDENCE = 0.6  # confidence is not reported higher during them
_logger = logging.getLogger(__name__)


class LockedTarget(NamedTuple):
    """What one image says of the locked target."""

    box: Box  # px; while LOST the last good one
    state: TargetState
    lock: int  # +1 at each selection and each re-acquisition
    score: float  # raw, as measured on this image
    confidence: float  # probability that IoU >= 0.5, 0 to 1
    similarity: float  # cosine to the selected target's views; NaN where the box is not of this image


class TargetLock:
    """Wraps one tracker; call :meth:`update` once an image.

    Args:
        tracker: any tracker; one that is :class:`Probing` is also searched with when lost.
        calibration: of its score; None: the one the registry gave the tracker, else the score itself, clipped.
    """

    def __init__(self, tracker: Tracker, calibration: Calibration | None = None) -> None:
        self._tracker = tracker
        self._calibration = calibration or getattr(tracker, "calibration", None)
        self._warned = False
        self._views = ViewBank()
        self._last_image: Image | None = None
        self._redetection: Redetection | None = None
        self._box: Box | None = None
        self._swept: Box | None = None  # where the last good box is if it moves with the picture
        self._lock = 0
        self._doubtful_frames = 0
        self._refused_frames = 0
        self._probation = 0
        self._lost = False

    def select(self, image: Image, box: Box) -> Box:
        """Take ``box`` on ``image`` as the target; returns its visible part.

        Raises:
            InvalidImage: unusable image.
            InvalidBox: unusable box; the target before, if any, is kept.
        """
        self._tracker.initialize(image, box)
        height, width = image.shape[:2]
        self._box = Box(*map(float, box)).clipped(width, height)
        self._views.start(image, self._box)
        self._last_image = image
        self._swept = None
        self._lock += 1
        self._doubtful_frames = self._refused_frames = self._probation = 0
        self._lost = False
        return self._box

    def clear(self) -> None:
        """Forget the target; the count of locks goes on."""
        self._box = self._last_image = None

    def update(self, image: Image) -> LockedTarget:
        """Look for the target in the newest image.

        Raises:
            NotInitialized: nothing is selected.
            InvalidImage: unusable image, or of another shape than that of the selection.
        """
        if self._box is None:
            raise not_initialized("TargetLock")
        target = self._search(image, self._box) if self._lost else self._follow(image, self._box)
        self._last_image = image
        return target

    def settle(self) -> None:
        """Let the tracker do what it left for after the box was given out; call it once that has happened."""
        if self._box is not None and isinstance(self._tracker, Settling):
            self._tracker.settle()

    def _follow(self, image: Image, last: Box) -> LockedTarget:
        observation = self._tracker.update(image)
        confidence = self._confidence(observation)
        if confidence < CENTER_FROM:
            self._swept = (self._swept or last).moved(*self._picture_motion(image))
            observation, confidence = self._swept_along(image, last, self._swept) or (observation, confidence)
        else:
            self._swept = None
        gone = outside_share(observation.box, image.shape[1], image.shape[0]) > LOST_OUTSIDE
        self._doubtful_frames = self._doubtful_frames + 1 if confidence < LOST_BELOW else 0
        self._refused_frames = self._refused_frames + 1 if confidence < CENTER_FROM else 0
        if gone or self._doubtful_frames >= LOST_AFTER or self._refused_frames >= REFUSED_AFTER:
            return self._lose(observation, confidence, last)
        similarity = self._views.similarity(image, observation.box)
        if confidence >= TRACKING_FROM:
            self._box = observation.box
            if not self._probation:
                self._views.consider(image, observation.box, confidence, similarity)
        else:
            center = observation.box.center if confidence >= CENTER_FROM else last.center
            self._box = Box.from_center(*center, last.w, last.h)
            if isinstance(self._tracker, Probing):
                self._tracker.move_to(self._box)
        state = TargetState.TRACKING if confidence >= TRACKING_FROM else TargetState.UNCERTAIN
        if self._probation:
            self._probation -= 1
            state, confidence = TargetState.UNCERTAIN, min(confidence, PROBATION_CONFIDENCE)
        return LockedTarget(self._box, state, self._lock, observation.score, confidence, similarity)

    def _swept_along(self, image: Image, last: Box, swept: Box) -> tuple[Observation, float] | None:
        """The target and its confidence where a jerk of the camera threw it; None: not there, or nothing was thrown."""
        if not isinstance(self._tracker, Probing) or not swept_away(last, swept):
            return None
        side = search_side(last)
        found = self._tracker.probe(image, Box.from_center(*swept.center, side, side))
        confidence = self._confidence(found)
        near = iou(found.box, swept) >= ACCEPT_IOU
        if confidence < TRACKING_FROM or not near or self._views.similarity(image, found.box) < SIMILAR_FROM:
            return None
        self._tracker.move_to(found.box)
        self._swept = None
        return found, confidence

    def _lose(self, observation: Observation, confidence: float, last: Box) -> LockedTarget:
        self._lost = True
        self._redetection = Redetection(last, self._swept or last)
        self._swept = None
        return LockedTarget(last, TargetState.LOST, self._lock, observation.score, confidence, float("nan"))

    def _search(self, image: Image, last: Box) -> LockedTarget:
        candidate, confidence = self._candidate(image)
        assert self._redetection is not None  # noqa: S101 - for the type checker: _lose made it
        similarity = self._views.similarity(image, candidate.box)
        another = similarity < SIMILAR_FROM  # following it, nobody would see the target come back
        if not self._redetection.accept(candidate.box, 0.0 if another else confidence):
            return LockedTarget(last, TargetState.LOST, self._lock, candidate.score, confidence, float("nan"))
        if isinstance(self._tracker, Probing):
            self._tracker.move_to(candidate.box)
        self._lost = False
        self._box = candidate.box
        self._lock += 1
        self._doubtful_frames = self._refused_frames = 0
        self._probation = PROBATION - 1
        return LockedTarget(
            candidate.box,
            TargetState.UNCERTAIN,
            self._lock,
            candidate.score,
            min(confidence, PROBATION_CONFIDENCE),
            similarity,
        )

    def _candidate(self, image: Image) -> tuple[Observation, float]:
        """The best place of this frame and its confidence; a tracker that cannot probe is simply asked again."""
        if not isinstance(self._tracker, Probing):
            observation = self._tracker.update(image)
            return observation, self._confidence(observation)
        assert self._redetection is not None  # noqa: S101 - for the type checker: _lose made it
        regions = self._redetection.regions(image.shape[1], image.shape[0], self._picture_motion(image))
        found = [self._tracker.probe(image, region) for region in regions]
        return max(((each, self._confidence(each)) for each in found), key=lambda pair: pair[1])

    def _picture_motion(self, image: Image) -> tuple[float, float]:
        """Of the picture since the last image, px."""
        return (0.0, 0.0) if self._last_image is None else picture_motion(self._last_image, image)

    def _confidence(self, observation: Observation) -> float:
        if self._calibration is not None and math.isfinite(observation.score):
            return self._calibration.confidence(observation.score, observation.features)
        if not self._warned:
            self._warned = True
            _logger.warning(
                "this tracker's score is not calibrated: confidence is the score, not a probability; "
                "states and re-detection may be wrong"
            )
        return min(max(observation.score, 0.0), 1.0) if math.isfinite(observation.score) else 0.0
