"""What each family says on the shared cells, and trained trackers that teach others."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from uav_tracker_ros.errors import ModelFileDamaged
from uav_tracker_ros.trackers.dsatrack.head import HeadMaps
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack, Pass
from uav_tracker_ros.trackers.dsatrack.rows import SEARCH_TOKENS
from uav_tracker_ros.trackers.network_weights import COUNTER, read_weights
from uav_tracker_ros.trackers.siamcar import network as siamcar
from uav_tracker_ros.trackers.siamfcpp import network as siamfcpp
from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0, cell_points, decode
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp
from uav_tracker_ros.trackers.weights import array_shapes
from uav_tracker_ros.training.distillation import nanotrack_network
from uav_tracker_ros.training.distillation.answers import Answer, Frame, answer_of, kept_output
from uav_tracker_ros.training.distillation.dual_branch import Prediction
from uav_tracker_ros.training.distillation.nanotrack_network import NanoTrack3, read_nanotrack
from uav_tracker_ros.training.dsatrack_weights import read_row
from uav_tracker_ros.training.networks import FAMILIES, Network, read_network

Maps = tuple[Tensor, Tensor, Tensor]  # of siamfcpp and siamcar: logits, logit of centre-ness, distances px


class Teacher(Protocol):
    """Answers on the shared crops; it is never changed."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Of each level of its features."""
        ...

    def answer(self, templates: Tensor, search: Tensor, alone: Tensor | None) -> Answer:
        """What it says.

        Args:
            templates: (B, N, 128, 128, 3) BGR, in the order of time.
            search: (B, 256, 256, 3) BGR.
            alone: (B,) of bool; True: all templates are copies of the first. None: nobody knows.
        """
        ...


class RowTeacher:
    """A row of DSATrack, in eval mode."""

    def __init__(self, network: DsaTrack) -> None:
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.widths = (network.row.width,) * len(network.row.layers)

    def answer(self, templates: Tensor, search: Tensor, alone: Tensor | None) -> Answer:
        """See :class:`Teacher`."""
        self.network.to(search.device)
        maps, seen = self.network(_as_many(templates, self.network.row.slots), search, alone)
        return row_answer(maps, seen)


class Lite0Teacher:
    """``siamfcpp_lite0``, in eval mode."""

    def __init__(self, network: SiamFCppLite0) -> None:
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.widths = (network.head.width,)

    def answer(self, templates: Tensor, search: Tensor, alone: Tensor | None) -> Answer:
        """See :class:`Teacher`; its template is the first."""
        network = self.network.to(search.device)
        state = network.template(templates[:, 0])
        with kept_output(network.head.fuse) as fused:
            outputs = network.head(state, *network.trunk(network.normalise(search)))
        return lite0_answer(outputs, fused[0])


class PairTeacher:
    """``siamfcpp`` or ``siamcar``, full or pruned, in eval mode."""

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(requires_grad=False)
        self.widths = (network.widths.tower[-1],)
        module, self._said = (siamfcpp, siamfcpp_said) if isinstance(network, SiamFCpp) else (siamcar, siamcar_said)
        self._frame = Frame(module.SEARCH_PX, module.TEMPLATE_PX)
        self._points = module.cell_points(module.map_cells())

    def answer(self, templates: Tensor, search: Tensor, alone: Tensor | None) -> Answer:
        """See :class:`Teacher`; its template is the first."""
        network, points = self.network.to(search.device), self._points.to(search.device)
        template, crop = self._frame.own_crops(templates[:, 0], search)
        kernels = network.template(template)
        with kept_output(network.head.score_tower) as features:
            maps = network.search(crop, kernels)  # type: ignore[arg-type]
        return answer_of(*self._said(maps, points), features[0], points, self._frame)


class NanoTeacher:
    """NanoTrack V3, in eval mode. On what is not the target it is as sure as on it: it teaches on the target alone."""

    widths = (nanotrack_network.WIDTH,)

    def __init__(self, network: NanoTrack3) -> None:
        self.network = network.eval().requires_grad_(requires_grad=False)
        self._frame = Frame(nanotrack_network.SEARCH_PX, nanotrack_network.TEMPLATE_PX)
        self._points = nanotrack_network.cell_points()

    def answer(self, templates: Tensor, search: Tensor, alone: Tensor | None) -> Answer:
        """See :class:`Teacher`; its template is the first."""
        network, points = self.network.to(search.device), self._points.to(search.device)
        with kept_output(network.ban_head.cls_tower) as features:
            logits, distances = network(*self._frame.own_crops(templates[:, 0], search))
        probability = F.softmax(logits.float(), dim=1)[:, 1:]
        return answer_of(probability, boxes_around(points, distances.float()), features[0], points, self._frame)


def row_answer(maps: HeadMaps, seen: Pass) -> Answer:
    """Of a row's own cells, which are the shared ones; features after each block."""
    prediction = Prediction(*(part.float() for part in (maps.logit, maps.size, maps.offset)))
    return Answer(prediction, tuple(hidden[:, -SEARCH_TOKENS:] for hidden in seen.hidden[1:]))


def lite0_answer(outputs: tuple[Tensor, ...], fused: Tensor) -> Answer:
    """Of the logits and distances of ``siamfcpp_lite0``; its score is the product that it flies with."""
    score, overlap, distances = (values.float() for values in outputs)
    points = cell_points().to(distances)
    return answer_of(score.sigmoid() * overlap.sigmoid(), decode(distances), fused, points, Frame())


def siamfcpp_said(outputs: Maps, points: Tensor) -> tuple[Tensor, Tensor]:
    """Score times centre-ness, as ``siamfcpp`` flies, and boxes."""
    score, centerness, distances = (values.float() for values in outputs)
    return score.sigmoid() * centerness.sigmoid(), boxes_around(points, distances)


def siamcar_said(outputs: Maps, points: Tensor) -> tuple[Tensor, Tensor]:
    """Score times centre-ness, as ``siamcar`` flies, and boxes."""
    classes, centerness, distances = (values.float() for values in outputs)
    return F.softmax(classes, dim=1)[:, 1:] * centerness.sigmoid(), boxes_around(points, distances)


def boxes_around(points: Tensor, distances: Tensor) -> Tensor:
    """(2, M, M) and (B, 4, M, M) distances -> (B, 4, M, M) left, top, right, bottom."""
    return torch.cat([points - distances[:, :2], points + distances[:, 2:]], 1)


def read_teacher(file: Path) -> Teacher:
    """The tracker whose weights a file holds: NanoTrack V3's are a .pth, others are told by their arrays.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: not safetensors or .pth, or another tracker's weights.
    """
    if file.suffix == ".pth":
        return NanoTeacher(read_nanotrack(file))
    found = {name: shape for name, shape in array_shapes(file).items() if not name.endswith(COUNTER)}
    with torch.device("meta"):
        lite0 = SiamFCppLite0().state_dict()
    if found == {name: tuple(value.shape) for name, value in lite0.items() if not name.endswith(COUNTER)}:
        return Lite0Teacher(read_weights(SiamFCppLite0(), file))
    with contextlib.suppress(ModelFileDamaged):
        return RowTeacher(read_row(file))
    for family in FAMILIES:
        with contextlib.suppress(ModelFileDamaged):
            return PairTeacher(read_network(family, file))
    raise ModelFileDamaged(
        f"{file.name} holds weights of no tracker that can teach; expected a DSATrack row's, siamfcpp_lite0's, or "
        f"those of a full or pruned {' or '.join(FAMILIES)}; give such a file"
    )


def _as_many(templates: Tensor, slots: int) -> Tensor:
    """(B, slots, 128, 128, 3): the last template is repeated or left out."""
    more = templates[:, -1:].expand(-1, max(0, slots - templates.shape[1]), -1, -1, -1)
    return torch.cat([templates, more], 1)[:, :slots]
