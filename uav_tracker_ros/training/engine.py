"""Trains any lesson: resumable from every interruption, on one device or several ranks, never over its minutes.

A step depends on the seed and its number alone: the rows of its batch, the views drawn on the device and what the
network draws (stochastic depth). So a run that was stopped and goes on reaches the weights of one that was not.
"""

from __future__ import annotations

import copy
import math
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor, nn

from uav_tracker_ros.trackers.network_weights import write_weights
from uav_tracker_ros.training import checkpoint
from uav_tracker_ros.training.lesson import Lesson, Schedule
from uav_tracker_ros.training.logbook import Logbook
from uav_tracker_ros.training.ranks import Ranks
from uav_tracker_ros.training.replay import Replay, RingSettings
from uav_tracker_ros.training.scenes.samples import Source

_JUDGED_SHARE = 0.1  # of the time, at most
_LEAST_RESERVE = 3.0  # s kept for saving


@dataclass(frozen=True)
class RunSettings:
    """Of one session of a run."""

    recipe: str
    out: Path
    seconds: float = math.inf  # of this session, from ``started``
    started: float = 0.0  # s of time.monotonic
    seed: int = 1
    device: str = "cpu"
    bf16: bool = False
    canvases: int = 0  # rows of the ring
    reuse: float = 1.0
    workers: int = 0
    save_seconds: float = 120.0
    finish: bool = False  # the cosine ends with this session's seconds, if the samples do not end it before


class Engine:
    """One session of training.

    Args:
        lesson: what is trained; weights of a state in ``settings.out`` replace its own.
        schedule: of the whole run.
        source: of the samples.
        settings: of this session.
        ranks: of this process.
    """

    def __init__(
        self, lesson: Lesson, schedule: Schedule, source: Source, settings: RunSettings, ranks: Ranks | None = None
    ) -> None:
        self.lesson, self.schedule, self.settings = lesson, schedule, settings
        self.ranks = ranks or Ranks()
        settings.out.mkdir(parents=True, exist_ok=True)
        self._stop = False
        state = checkpoint.load(settings.out, settings.recipe) or {}
        self.step = self._first_step = int(state.get("step", 0))
        self.best = float(state.get("best", -math.inf))
        ring = RingSettings(schedule.batch // self.ranks.world, settings.canvases, settings.reuse, settings.workers)
        cuda = settings.device == "cuda"
        self.device = torch.device(f"cuda:{self.ranks.local}" if cuda else "cpu")
        # its workers are forks: before anything touches the GPU
        self.replay = Replay(source, ring, self.device, self.ranks, seed=settings.seed, step=self.step,
                             position=int(state.get("position", 0)))  # fmt: skip
        self._fetched: dict[str, Tensor] | None = None
        self._module = self._place(cast(nn.Module, lesson), state)
        self.optimizer = self._optimizer(state)
        self.average: dict[str, Tensor] = {
            name: (state["average"][name] if state else value).detach().to(value.device, copy=True)
            for name, value in self._module.state_dict().items()
        }
        self.log = Logbook(settings.out / "log.csv", self.step)
        self._judged, self._judging, self._saving = time.monotonic(), 0.0, 0.0

    def run(self) -> dict[str, float]:
        """Train until the schedule or the session's time ends; everything is saved when this returns.

        Returns:
            Figures of the last judgement, and ``samples`` seen in all.
        """
        wrapped = self.ranks.wrap(self._module)
        previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        saved = time.monotonic()
        try:
            with self.replay:
                while self.step < self.schedule.steps and not self._over():
                    self._one_step(wrapped)
                    if self.ranks.first and self.log.due():
                        self._write_log({})
                    if time.monotonic() - saved > self.settings.save_seconds:
                        self._save()
                        self._judge_if_due()
                        saved = time.monotonic()
                position = self.replay.position
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        if self.ranks.first:
            self._write_log({})
        self._save(position)
        figures = self._judge()
        self._save(position)
        self.ranks.wait()
        return {**figures, "samples": float(self.step * self.schedule.batch)}

    def _one_step(self, wrapped: nn.Module) -> None:
        schedule, rate = self.schedule, self._rate()
        for group in self.optimizer.param_groups:
            group["lr"] = group["share"] * rate
        number = (self.settings.seed << 40) + self.step * self.ranks.world + self.ranks.rank
        torch.manual_seed(number)
        generator = torch.Generator(self.device).manual_seed(number)
        with torch.no_grad():
            stored = self._fetched if self._fetched is not None else self.replay.batch(self.step)
            batch = self.lesson.prepare(stored, generator)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16):
            loss, figures = wrapped(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        # while the GPU is busy with that
        self._fetched = self.replay.batch(self.step + 1) if self.step + 1 < schedule.steps else None
        norm = nn.utils.clip_grad_norm_(self._module.parameters(), schedule.clip, error_if_nonfinite=False)
        if torch.isfinite(norm):  # a broken batch teaches nothing
            self.optimizer.step()
        self.step += 1
        self._take_average()
        if self.step % 5 == 0 or self.step == 1 or self.device.type == "cpu":
            self.log.add({"loss": float(loss.detach()), **{name: float(value) for name, value in figures.items()}})

    def _done(self) -> float:
        """Share of the schedule, 0 to 1."""
        by_samples = self.step / self.schedule.steps
        if not self.settings.finish:
            return by_samples
        first = self._first_step / self.schedule.steps
        by_time = (time.monotonic() - self.settings.started) / (self.settings.seconds - _LEAST_RESERVE)
        return min(1.0, max(by_samples, first + (1 - first) * by_time))

    def _rate(self) -> float:
        done = self._done()
        warm = min(1.0, (self.step + 1) / max(1, min(self.schedule.warm_up, self.schedule.steps // 5)))
        return self.schedule.rate * (warm * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-3)

    def _take_average(self) -> None:
        keep = min(self.schedule.average, self.step / (self.step + 20))
        state = self._module.state_dict()
        floats = [name for name, value in state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.average[name] for name in floats], [state[name] for name in floats], 1 - keep)
        for name in state.keys() - set(floats):
            self.average[name].copy_(state[name])

    def _place(self, module: nn.Module, state: dict[str, Any]) -> nn.Module:
        if state:
            module.load_state_dict(state["lesson"])
        layout = torch.channels_last if self.device.type == "cuda" or self.settings.bf16 else torch.contiguous_format
        return module.to(self.device).to(memory_format=layout).train()

    def _optimizer(self, state: dict[str, Any]) -> torch.optim.AdamW:
        groups = []
        for part in self.lesson.parts():
            parameters = [parameter for parameter in part.parameters if parameter.requires_grad]
            for decays in (True, False):  # biases, norms and positions are not drawn to zero
                chosen = [parameter for parameter in parameters if (parameter.ndim > 1) == decays]
                decay = self.schedule.decay if decays else 0.0
                groups.append({"params": chosen, "share": part.share, "weight_decay": decay})
        optimizer = torch.optim.AdamW(groups, lr=self.schedule.rate)
        if state:
            optimizer.load_state_dict(state["optimizer"])
        return optimizer

    def _over(self) -> bool:
        reserve = max(_LEAST_RESERVE, 3 * self._saving)
        return self.ranks.any(self._stop or self._time_left() < reserve, self.device)

    def _time_left(self) -> float:
        return self.settings.started + self.settings.seconds - time.monotonic()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _judge_if_due(self) -> None:
        since = time.monotonic() - self._judged
        fits = self._time_left() > 3 * self._judging + _LEAST_RESERVE
        if since >= self._judging / _JUDGED_SHARE and fits:
            self._judge()

    def _judge(self) -> dict[str, float]:
        """Figures of the averaged weights; the best are kept."""
        if not self.ranks.first:
            return {}
        start = time.monotonic()
        figures = self._averaged().judge(self.settings.started + self.settings.seconds - _LEAST_RESERVE)
        if figures:
            self._write_log(figures)
        self._judging, self._judged = time.monotonic() - start, time.monotonic()
        if figures.get("figure", -math.inf) > self.best:
            self.best = figures["figure"]
            write_weights(self._averaged().student, self.settings.out / "best.safetensors")
        return figures

    def _averaged(self) -> Lesson:
        twin = copy.deepcopy(self._module)
        twin.load_state_dict(self.average)
        return cast(Lesson, twin.eval())

    def _write_log(self, figures: dict[str, float]) -> None:
        extra = {"learning_rate": self._rate(), "waited": self.replay.waited, **figures}
        self.log.write(self.step, self.step * self.schedule.batch, self.schedule.samples, extra)

    def _save(self, position: int | None = None) -> None:
        """State, log and the averaged weights."""
        if not self.ranks.first:
            return
        start = time.monotonic()
        state = {
            "recipe": self.settings.recipe,
            "step": self.step,
            "best": self.best,
            "position": self.replay.position if position is None else position,
            "lesson": self._module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
        }
        checkpoint.save(state, self.settings.out)
        write_weights(self._averaged().student, self.settings.out / "last.safetensors")
        self.log.save()
        self._saving = time.monotonic() - start
