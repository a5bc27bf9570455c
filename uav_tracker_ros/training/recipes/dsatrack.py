"""The recipes of DSATrack's and EATrack's rows, read top to bottom.

After the trunk (``dsatrack_trunk``) a row by its name: several templates of one target in the order of time, a search
region after them; losses of ``dsatrack_losses``. Then the row with ``_memory``: six templates, of which the memory
keeps the tokens that matter, as in flight. Samples are drawn after Zhou et al. (NeurIPS 2025, section 4.1): all
moments within 200 frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from uav_tracker_ros.trackers.dsatrack.head import HeadMaps
from uav_tracker_ros.trackers.dsatrack.memory import MemorySettings, flown_rule
from uav_tracker_ros.trackers.dsatrack.memory_tracker import MemoryTracker
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import ROWS, Form
from uav_tracker_ros.trackers.search_region import SETTINGS
from uav_tracker_ros.training.distillation.answers import Answer, Frame
from uav_tracker_ros.training.distillation.teachers import row_answer
from uav_tracker_ros.training.dsatrack_losses import LossSettings, tracking_loss
from uav_tracker_ros.training.lesson import Part, Schedule
from uav_tracker_ros.training.pair_batches import MARGIN_PX, PairBatches
from uav_tracker_ros.training.scenes.cropping import Cut
from uav_tracker_ros.training.scenes.pictures import Pictures
from uav_tracker_ros.training.scenes.samples import PairSource
from uav_tracker_ros.training.validation import DeviceGraphs, GraphFunction, one_pass

SCHEDULE = Schedule(samples=500_000, batch=128, rate=4e-4, warm_up=500, clip=0.1)

# the paper's second stage: a sixth of the first one's length, at the rate that the first one ends with there
MEMORY_SCHEDULE = Schedule(samples=80_000, batch=128, rate=4e-5, warm_up=100, clip=0.1)

TRUNK_SHARE = 0.1  # of the rate
DROP_PATH = 0.1  # stochastic depth of the last block
GAP = 200  # frames between the first template and the search region
RAMP = 400  # steps until as many samples as published have their dropped tokens masked: a tenth of the schedule
_STATE = ("memory", "keys", "values")


@dataclass(frozen=True)
class Stage:
    """One of the two stages that a row is trained in."""

    schedule: Schedule
    templates: int = 0  # a sample; 0: as many as the row's memory holds
    ramp: int = 0  # steps until every sample has its dropped tokens masked


FIRST = Stage(SCHEDULE, ramp=RAMP)
MEMORY = Stage(MEMORY_SCHEDULE, templates=6)


class DsaLesson(nn.Module):
    """A whole row learns to track.

    Args:
        row: its name.
        judged: validation clips.
        form: it is trained in the form that it flies in.
        stage: how many templates a sample has, and for how long.
    """

    def __init__(self, row: str, judged: Pictures, form: Form | None = None, stage: Stage = FIRST) -> None:
        super().__init__()
        self.stage = stage
        self.network = DsaTrack(ROWS[row], form, drop_path=DROP_PATH)
        self.row = ROWS[row]
        self.shares = [kept / self.row.tokens for _, kept in self.row.keep]
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))  # trained so far, over all sessions
        moments = stage.templates or self.row.slots
        self.batches = PairBatches(Cut.of(SETTINGS["dsatrack"], MARGIN_PX), moments=moments, gap=GAP)
        self._judged = judged

    @property
    def student(self) -> nn.Module:
        """The whole network."""
        return self.network

    def skip_ramp(self) -> None:
        """Weights that go on know already which tokens to drop."""
        self.steps.fill_(self.stage.ramp)

    def source(self, pictures: Pictures, seed: int) -> PairSource:
        """Composites, stills and clips, several templates each."""
        return self.batches.source(pictures, seed)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """Views; half of the samples get copies of their first template, the state that tracking starts in."""
        ready = self.batches.prepare(batch, generator)
        templates = ready["templates"]
        alone = torch.rand(len(templates), generator=generator, device=templates.device) < 0.5
        copies = templates[:, :1].expand_as(templates)
        return {
            **ready,
            "templates": torch.where(alone[:, None, None, None, None], copies, templates),
            "alone": alone,  # more copies than slots would be ranked, and the best tokens of one template kept thrice
        }

    @property
    def frame(self) -> Frame:
        """The crops that answers are compared on."""
        return Frame()

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the features after each block."""
        return (self.row.width,) * len(self.row.layers)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``dsatrack_losses``."""
        return self.taught(batch)[:2]

    def taught(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], Answer]:
        """Loss and figures, and what the network said.

        At first no token is to be dropped, and those that are judged superfluous stay: half of them are before the
        share of kept tokens has been learned. From then on the masks act, so that the choice learns from the target.
        """
        done = min(1.0, int(self.steps) / self.stage.ramp) if self.stage.ramp else 1.0
        self.network.backbone.eliminating = not self.training or float(torch.rand(())) < done
        maps, seen = self.network(batch["templates"], batch["search"], batch.get("alone"))
        self.steps += self.training
        maps = HeadMaps(*(values.float() for values in maps))
        kept = [mask.float() for mask in seen.kept]
        shares = [1 - (1 - share) * done for share in self.shares]
        loss, figures = tracking_loss(maps, kept, batch["box"], batch["box_weight"], shares, LossSettings())
        if kept:
            figures = {**figures, "kept": kept[-1].detach().mean()}
        if seen.edge_gaps:
            gaps = torch.stack([gap.detach().float().abs().mean() for gap in seen.edge_gaps])
            density = torch.stack([(gap.detach() >= 0).float().mean() for gap in seen.edge_gaps])
            figures = {**figures, "edge_gap": gaps.mean(), "edges": density.mean()}
        return loss, figures, row_answer(maps, seen)

    def parts(self) -> list[Part]:
        """The plain transformer learns slower than the graphs over template tokens and the head."""
        named = list(self.network.backbone.named_parameters())
        graphs = [parameter for name, parameter in named if ".dsa." in name]
        trunk = [parameter for name, parameter in named if ".dsa." not in name]
        return [Part(trunk, TRUNK_SHARE), Part([*graphs, *self.network.head.parameters()], 1.0)]

    def judge(self, deadline: float) -> dict[str, float]:
        """One pass over the validation clips."""
        backend = flown(self.network)
        keeps = bool(self.row.keep)  # a row without a graph has one stage
        settings = MemorySettings(rule=flown_rule(keeps_tokens=keeps, learnt=self.stage is not FIRST or not keeps))
        return one_pass(lambda: MemoryTracker(self.row.name, backend, settings), self._judged.clips, deadline)


def flown(network: DsaTrack) -> DeviceGraphs:
    """The graphs of a row in the form that it has, where it lies."""
    state = _STATE if network.form.cached else _STATE[:1]
    update = network.update if network.row.keep else network.blend
    graphs: dict[str, GraphFunction] = {
        "template": (network.template, state),
        "track": (network.track, ("score", "size", "offset", "mass")),
        "update": (update, ("new_memory", *state[1:])),
    }
    return DeviceGraphs(graphs, next(network.parameters()).device)
