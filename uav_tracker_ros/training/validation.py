"""How weights track, while they are trained: one pass over the validation clips, and the scale response.

The scale response asks what size comes back (against the truth) when the search window was cut for a size that is
f times the truth. With ln(answer) = slope ln f + intercept, tracking settles at exp(intercept / (1 - slope)) of the
true size: a bias of a tenth at the right scale becomes a third after some frames.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uav_tracker_ros.evaluation.metrics import score_sequence
from uav_tracker_ros.geometry import Box
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.decoding import Decoder, SiameseSettings
from uav_tracker_ros.trackers.search_region import SearchRegion, SearchSettings
from uav_tracker_ros.trackers.siamese import SiameseTracker
from uav_tracker_ros.training.scenes.pictures import Clip, decode

GraphFunction = tuple[Callable[..., tuple[Tensor, ...]], tuple[str, ...]]
"""What runs a graph, and the names of its outputs."""

_FACTORS = (0.7, 1.0, 1.4, 2.0)
_TOO_EASY = "foda_"  # one object on plain ground: every tracker follows it
_EVERY = 8  # frames between two questions of the scale response


class DeviceGraphs:
    """Runs graphs of a network where the network lies: see :class:`uav_tracker_ros.backends.contract.Backend`."""

    name = "torch"

    def __init__(self, graphs: Mapping[str, GraphFunction], device: torch.device) -> None:
        self._graphs, self._device = graphs, device

    def run(self, graph: str, *arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """See the class."""
        function, outputs = self._graphs[graph]
        with torch.inference_mode():
            values = function(*(torch.from_numpy(array).to(self._device) for array in arrays))
        return {name: value.float().cpu().numpy() for name, value in zip(outputs, values, strict=True)}


@dataclass(frozen=True)
class SiameseKind:
    """What a family's tracker is made of, beside its weights."""

    region: SearchSettings
    decode: Decoder
    settings: SiameseSettings

    def tracker(self, backend: DeviceGraphs) -> Tracker:
        """The tracker that will fly, around a backend."""
        return SiameseTracker("trained", backend, self.region, self.decode, self.settings)


def one_pass(make: Callable[[], Tracker], clips: list[Clip], deadline: float = math.inf) -> dict[str, float]:
    """Mean success AUC and precision at 20 px over clips that are hard enough and tightly boxed; ``figure`` is the AUC.

    Nothing where ``deadline`` (s of ``time.monotonic``) passes before the end: fewer clips would be another measure.
    """
    scores = []
    for clip in clips:
        start = next((number for number, box in enumerate(clip.boxes) if box is not None), None)
        if not _judges(clip) or start is None or len(clip.boxes) - start < 2:
            continue
        frames, truth = clip.frames[start:], clip.boxes[start:]
        tracker = make()
        first = truth[0]
        assert first is not None  # noqa: S101 - `start` was chosen so
        tracker.initialize(decode(frames[0]), first)
        found = [first]
        for frame in frames[1:]:
            if time.monotonic() > deadline:
                return {}
            found.append(tracker.update(decode(frame)).box)
        boxes = np.array([[box.x, box.y, box.w, box.h] for box in found])
        true = np.array([[box.x, box.y, box.w, box.h] if box else [np.nan] * 4 for box in truth])
        scores.append(score_sequence(boxes, true)[:2])
    if not scores:
        return {}
    auc, precision = np.mean(scores, axis=0).tolist()
    return {"figure": auc, "val_auc": auc, "val_precision": precision}


def judge_tracker(
    kind: SiameseKind, backend: DeviceGraphs, clips: list[Clip], deadline: float = math.inf
) -> dict[str, float]:
    """One pass and, where it fits before the deadline, the scale response."""
    scores = one_pass(lambda: kind.tracker(backend), clips, deadline)
    return {**scores, **scale_response(kind, backend, clips, deadline)} if scores else {}


def scale_response(
    kind: SiameseKind, backend: DeviceGraphs, clips: list[Clip], deadline: float = math.inf
) -> dict[str, float]:
    """``slope`` and ``intercept`` of the answered size over the same clips; nothing after the deadline."""
    asked, answered = [], []
    for clip in clips:
        known = [(number, box) for number, box in enumerate(clip.boxes) if box is not None]
        if not _judges(clip) or len(known) < 2:
            continue
        region = SearchRegion(kind.region)
        first, box = known[0]
        image = decode(clip.frames[first])
        region.start(image, box)
        state = tuple(backend.run("template", region.template(image, box)).values())
        for number, box in known[1::_EVERY]:
            if time.monotonic() > deadline:
                return {}
            image = decode(clip.frames[number])
            for factor in _FACTORS:
                asked.append(math.log(factor))
                answered.append(_answer(kind, backend, region, state, image, box, factor))
    if not asked:
        return {}
    slope, intercept = _line(np.array(asked), np.array(answered))
    return {"slope": slope, "intercept": intercept}


def _judges(clip: Clip) -> bool:
    return not clip.loose and not clip.name.startswith(_TOO_EASY)


def _answer(
    kind: SiameseKind, backend: DeviceGraphs, region: SearchRegion, state: tuple[NDArray[Any], ...], image: Any,
    truth: Box, factor: float,
) -> float:  # fmt: skip
    """ln(size that comes back / true size) for a window cut for ``factor`` times the truth."""
    believed = Box.from_center(*truth.center, truth.w * factor, truth.h * factor)
    window = region.search_window(believed)
    maps = backend.run("track", region.search(image, window), *state)
    size = believed.w * window.scale, believed.h * window.scale
    found = kind.decode(maps, size, kind.settings).box
    return 0.5 * math.log(max(found.area / window.scale**2, 1.0) / truth.area)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and value at 0 of the line through the medians of each x: lost targets must not bend it."""
    places = np.unique(x)
    medians = np.array([np.median(y[x == place]) for place in places])
    slope, intercept = np.polyfit(places, medians, 1)
    return float(slope), float(intercept)
