"""OpenCV's own trackers: CSRT, KCF, MOSSE, MIL, and VitTrack for who has its file.

They answer with a box and, at most, "lost"; none says how sure it is. So the score here is measured
apart from them: how much the box looks like the views of the selected target, 0 to 1, with the shape of a
template-matching response around the box as features. It falls when the target is hidden or gone, even
while the tracker goes on following what covered it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_tracker_ros.errors import InvalidBox
from uav_tracker_ros.geometry import Box, Image, iou
from uav_tracker_ros.trackers.appearance import ViewBank
from uav_tracker_ros.trackers.confidence import Calibration, outside_share, response_shape
from uav_tracker_ros.trackers.contract import Observation, PeakFeatures, Tracker
from uav_tracker_ros.trackers.inputs import MonoRange, check_box, check_image, keep_in_image, not_initialized, to_bgr8
from uav_tracker_ros.trackers.registry import Build, register
from uav_tracker_ros.trackers.template_match import best_match, response_around

_SCALES = (0.64, 0.8, 1.0, 1.25, 1.56)  # of the last size, when looking elsewhere
_NEWEST = 2  # views to look for, beside the first: each costs 2.5 ms a region
_JUDGED = 5  # of the best matches of a region
_RISE, _FALL = 0.05, 0.01  # share of the newest score in its running mean; slow to get used to a bad one
_SAME_PLACE = 0.5  # IoU; a smaller move is left to the tracker, which would learn the place anew


class OpenCVTracker:
    """One of OpenCV's trackers behind this package's contract."""

    calibration: Calibration | None = None

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self._name = name
        self._make = make
        self._tracker: Any = None
        self._views = ViewBank()
        self._range = MonoRange()
        self._box = Box(0.0, 0.0, 0.0, 0.0)
        self._shape: tuple[int, ...] = ()
        self._moved = False
        self._elsewhere = False  # probed since the last update: OpenCV's tracker last learnt what hid the target
        self._usual: float | None = None  # running mean of the score

    def initialize(self, image: Image, box: Box) -> None:
        """See :class:`Tracker`; OpenCV gets the box rounded to whole pixels."""
        check_image(image)
        visible = check_box(box, image)
        self._range.reset()
        self._start(to_bgr8(image, self._range), visible)
        self._shape = image.shape
        self._box = visible
        self._moved = self._elsewhere = False
        self._usual = None
        self._views.start(image, visible)

    def update(self, image: Image) -> Observation:
        """See :class:`Tracker`; if OpenCV reports failure or an empty box, the last box stands."""
        if self._tracker is None:
            raise not_initialized(self._name)
        check_image(image, self._shape)
        pixels = to_bgr8(image, self._range)
        box = self._take_up(pixels) if self._moved else self._step(pixels)
        self._elsewhere = False
        size_change = max(_ratio(box.w, self._box.w), _ratio(box.h, self._box.h))
        self._box = box
        observation = self._judge(pixels, box, size_change)
        score = observation.score
        usual = score if self._usual is None else self._usual
        self._usual = usual + (score - usual) * (_RISE if score > usual else _FALL)
        self._views.consider(pixels, box, score, score)
        return observation

    def probe(self, image: Image, region: Box) -> Observation:
        """See :class:`Probing`: template matching with the views, for OpenCV's trackers cannot look elsewhere."""
        if self._tracker is None:
            raise not_initialized(self._name)
        check_image(image, self._shape)
        pixels = to_bgr8(image, self._range, adapt=False)
        self._elsewhere = True
        return self._judge(pixels, self._find(pixels, region, _SCALES), 1.0)

    def move_to(self, box: Box) -> None:
        """See :class:`Probing`; the tracker starts anew there with the next image."""
        if self._elsewhere or iou(box, self._box) < _SAME_PLACE:
            self._box = box
            self._moved = True

    def _start(self, pixels: NDArray[np.uint8], box: Box) -> None:
        height, width = pixels.shape[:2]
        w, h = min(max(round(box.w), 1), width), min(max(round(box.h), 1), height)
        corner = min(max(round(box.x), 0), width - w), min(max(round(box.y), 0), height - h)
        tracker = self._make()
        try:
            tracker.init(pixels, (*corner, w, h))
        except cv2.error as error:
            raise InvalidBox(
                f"{self._name} cannot start on a {w} x {h} px box ({error.err}); expected a larger one; select again"
            ) from error
        self._tracker = tracker

    def _step(self, pixels: NDArray[np.uint8]) -> Box:
        try:
            found, answer = self._tracker.update(pixels)
        except cv2.error:  # some builds assert on flat images: nothing was found there
            return self._box
        if not found or answer[2] <= 0 or answer[3] <= 0 or not np.isfinite(answer).all():
            return self._box
        height, width = pixels.shape[:2]
        return keep_in_image(Box(*(float(part) for part in answer)), width, height, 1.0)

    def _take_up(self, pixels: NDArray[np.uint8]) -> Box:
        """Start anew where the target is by now, near where ``move_to`` said."""
        side = 2 * max(self._box.w, self._box.h)
        box = self._find(pixels, Box.from_center(*self._box.center, side, side), (1.0,))
        try:
            self._start(pixels, box)
        except InvalidBox:  # too large or too small to learn by now: tried again with the next image
            return box
        self._moved = False
        return box

    def _find(self, pixels: NDArray[np.uint8], region: Box, scales: tuple[float, ...]) -> Box:
        """The box in ``region`` that looks most like a view."""
        views = dict.fromkeys((0, *range(len(self._views.patches))[-_NEWEST:]))
        candidates = [
            match
            for view in (self._views.patches[number] for number in views)
            for scale in scales
            if (match := best_match(pixels, region, view, self._box.w * scale, self._box.h * scale)) is not None
        ]
        if not candidates:
            height, width = pixels.shape[:2]
            return keep_in_image(Box.from_center(*region.center, self._box.w, self._box.h), width, height, 1.0)
        candidates.sort(key=lambda match: -match[1])
        return max((box for box, _ in candidates[:_JUDGED]), key=lambda box: self._views.similarity(pixels, box))

    def _judge(self, pixels: NDArray[np.uint8], box: Box, size_change: float) -> Observation:
        similarity, view = self._views.closest(pixels, box)
        response, peak, cells = response_around(pixels, box, self._views.patches[view])
        apce, psr, second = response_shape(response, peak, cells)
        features = PeakFeatures(
            peak=similarity,
            apce=apce,
            psr=psr,
            second_ratio=min(second, 2.0),
            size_change=size_change,
            border=outside_share(box, pixels.shape[1], pixels.shape[0]),
            similarity=similarity,
            drop=0.0 if self._usual is None else similarity - self._usual,
        )
        return Observation(box, similarity, features)


def _ratio(a: float, b: float) -> float:
    return max(a / b, b / a)


def _register(name: str, constructor: str) -> None:
    """Where this OpenCV has the constructor, under ``cv2`` or ``cv2.legacy``."""
    for place in (cv2, getattr(cv2, "legacy", None)):
        make = getattr(place, constructor, None)
        if make is not None:

            def factory(build: Build, make: Callable[[], Any] = make) -> Tracker:
                return OpenCVTracker(build.name, make)

            register(name)(factory)
            return


for _name, _constructor in (
    ("csrt", "TrackerCSRT_create"),
    ("kcf", "TrackerKCF_create"),
    ("mosse", "TrackerMOSSE_create"),
    ("mil", "TrackerMIL_create"),
):
    _register(_name, _constructor)


_module: Any = cv2  # its stubs do not know TrackerVit
if hasattr(_module, "TrackerVit_create"):

    @register("vittrack")
    def _make_vittrack(build: Build) -> Tracker:
        parameters = _module.TrackerVit_Params()  # mean and deviation are already those of its file
        parameters.net = str(build.files["network"])
        return OpenCVTracker(build.name, lambda: _module.TrackerVit_create(parameters))
