"""The recipe of ``siamfcpp_lite0`` on a processor, read top to bottom: cache features, then learn from them.

A step from kept features is ten times cheaper: those of each drawn pair are computed once and kept on the disk as
fp16. First the head learns, then with ``--late`` the blocks after stride 8 too. ``cache`` needs ONNX Runtime.

    R="python -m uav_tracker_ros.training.recipes.siamfcpp_lite0_cached"
    $R cache --data DIR --data DIR --trunk FILE.pth --out WORK --minutes 45
    $R learn --work WORK --trunk FILE.pth --out HEAD --minutes 16
    $R learn --work WORK --trunk FILE.pth --out LATE --minutes 60 --late --rate 1e-3 --init HEAD/last.safetensors
    python -m uav_tracker_ros.training.weight_mean HEAD/last.safetensors LATE/last.safetensors --out MEAN.safetensors
    $R export --init MEAN.safetensors --out models
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.trackers.network_weights import read_weights
from uav_tracker_ros.trackers.siamfcpp.lite0_network import STRIDE8_BLOCK, SiamFCppLite0
from uav_tracker_ros.training.engine import Engine, RunSettings
from uav_tracker_ros.training.recipes.siamfcpp_lite0 import (
    MAP_NAMES,
    SCHEDULE,
    STATE_NAMES,
    Lite0Lesson,
    lite0_loss,
)
from uav_tracker_ros.training.scenes import pictures
from uav_tracker_ros.training.scenes.pairs import SOURCES, PairSampler
from uav_tracker_ros.training.scenes.pictures import Pictures

SHARD = 500  # pairs a file
_SHARDS = 6  # in memory at a time
_ARRAYS = ("z_fine", "z_coarse", "x_fine", "x_coarse")


class _Graph(torch.nn.Module):
    """One function of the network as a module of its own, which is what the exporter takes."""

    def __init__(self, network: SiamFCppLite0, function: Callable[..., tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.function(*inputs)


def _write_graph(
    network: SiamFCppLite0, function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...], path: Path,
    names: tuple[list[str], list[str]],
) -> None:  # fmt: skip
    """ONNX with constant shapes; torch's TorchScript exporter writes every form used here."""
    torch.onnx.export(_Graph(network, function).eval(), inputs, str(path), dynamo=False, opset_version=17,
                      input_names=names[0], output_names=names[1])  # fmt: skip


def new_network(trunk_file: Path) -> SiamFCppLite0:
    """Random head on the ImageNet trunk."""
    network = SiamFCppLite0()
    network.load_trunk(torch.load(trunk_file, weights_only=True))
    return network.eval()


def cache(options: argparse.Namespace) -> None:
    """Draw pairs and write shards of features until the minutes are over."""
    import onnxruntime as ort

    cv2.setNumThreads(1)
    deadline = time.monotonic() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    network = new_network(options.trunk)
    sessions = {}
    for side in (128, 256):
        path = options.out / f"trunk_{side}_{options.seed}.onnx"
        example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
        _write_graph(network, lambda crop: network.trunk(network.normalise(crop)), (example,), path,
                     (["crop"], ["fine", "coarse"]))  # fmt: skip
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = 1
        sessions[side] = ort.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    drawn = pictures.load(options.data)
    sampler = PairSampler(drawn, options.seed, strength=options.strength, distractors=options.distractors)
    number = len(list(options.out.glob(f"pairs_{options.seed}_*.npz")))
    sampler.seek(number)  # resumed: other pairs
    while time.monotonic() < deadline:
        rows = []
        for _ in range(SHARD):
            pair = sampler.draw()
            features = (*sessions[128].run(None, {"crop": pair.templates[0][None]}),
                        *sessions[256].run(None, {"crop": pair.search[None]}))  # fmt: skip
            rows.append(
                (
                    *(array[0].astype(np.float16) for array in features),
                    pair.box,
                    pair.box_weight,
                    SOURCES.index(pair.source),
                )
            )
        columns = [np.stack([np.asarray(row[k]) for row in rows]) for k in range(len(rows[0]))]
        arrays: dict[str, Any] = dict(zip((*_ARRAYS, "box", "box_weight", "source"), columns, strict=True))
        temporary = options.out / f".pairs_{options.seed}_{number:04d}.npz"
        np.savez(temporary, **arrays)
        temporary.rename(options.out / temporary.name[1:])
        number += 1
        print(f"{number * SHARD} pairs", flush=True)  # noqa: T201 - a training log


class ShardSource:
    """Cached pairs: a few shards at a time in memory, their rows in a random order of the seed.

    Without a source the others' rows are seen more often: a run has as many steps with it as without.
    """

    def __init__(self, folder: Path, seed: int, without: str | None = None) -> None:
        self.files, self.seed = sorted(folder.glob("pairs_*.npz")), seed
        self._left_out = SOURCES.index(without) if without else -1
        if not self.files:
            raise InputUnreadable(f"{folder} has no pairs_*.npz; expected cached features; run the stage cache first")
        self._block = -1
        self._rows: dict[str, NDArray[Any]] = {}

    def draw(self, index: int) -> dict[str, NDArray[Any]]:
        """Features of both crops at both strides as fp16, box and its weight."""
        shards = min(_SHARDS, len(self.files))
        block, place = divmod(index, shards * SHARD)
        if block != self._block:
            rng = np.random.default_rng((self.seed, block))
            loaded = [np.load(self.files[k]) for k in rng.choice(len(self.files), shards, replace=False)]
            sources = np.concatenate([part["source"] for part in loaded])
            order = rng.permutation(np.flatnonzero(sources != self._left_out))
            names = [*_ARRAYS, "box", "box_weight"]
            self._rows = {name: np.concatenate([part[name] for part in loaded])[order] for name in names}
            self._block = block
        return {name: rows[place % len(rows)] for name, rows in self._rows.items()}


class CachedLesson(Lite0Lesson):
    """The head learns from cached features, and with ``late`` the blocks after stride 8 do too."""

    def __init__(self, teacher: Path, judged: Pictures, *, late: bool) -> None:
        super().__init__(teacher, judged)
        self.late = late
        if not late:
            self.network.trunk.requires_grad_(requires_grad=False)

    def prepare(self, batch: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
        """Floats of fp16; features have no views."""
        return {name: values.float() for name, values in batch.items()}

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """As the whole network, from stride 8 on."""
        head = self.network.head
        state = head.template(batch["z_fine"], self._coarse(batch, "z"))
        return lite0_loss(head(state, batch["x_fine"], self._coarse(batch, "x")), batch, self.points)

    def _coarse(self, batch: dict[str, Tensor], crop: str) -> Tensor:
        if not self.late:
            return batch[f"{crop}_coarse"]
        features = batch[f"{crop}_fine"]
        for block in list(self.network.trunk._blocks)[STRIDE8_BLOCK + 1 :]:
            features = block(features)
        return features


def learn(options: argparse.Namespace) -> None:
    """Train the head, with --late also the blocks after stride 8, until the samples or the minutes end."""
    started = time.monotonic()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    judged = pictures.load(options.data, split="val", frame_step=1) if options.data else Pictures()
    lesson = CachedLesson(options.trunk, judged, late=options.late)
    if options.init:
        read_weights(lesson.network, options.init)
    schedule = replace(SCHEDULE, samples=options.samples, batch=32, rate=options.rate, average=0.998)
    settings = RunSettings("siamfcpp_lite0_cached", options.out, 60 * options.minutes, started, options.seed)
    figures = Engine(lesson, schedule, ShardSource(options.work, options.seed, options.without), settings).run()
    print(json.dumps(figures))  # noqa: T201 - a command


def export(options: argparse.Namespace) -> None:
    """Write the two graphs that run at flight time."""
    network = read_weights(SiamFCppLite0(), options.init)
    options.out.mkdir(parents=True, exist_ok=True)
    template = torch.zeros(1, 128, 128, 3, dtype=torch.uint8)
    search = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
    state = network.template(template)
    names = list(STATE_NAMES)
    file = options.out / "siamfcpp_lite0.template.onnx"
    _write_graph(network, network.template, (template,), file, (["crop"], names))
    file = options.out / "siamfcpp_lite0.track.onnx"
    outputs = list(MAP_NAMES)
    _write_graph(network, lambda crop, *z: network.track(crop, z), (search, *state), file, (["crop", *names], outputs))


def main() -> None:
    """Read the options and run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    stages = parser.add_subparsers(required=True)
    first = stages.add_parser("cache", help="draw pairs and keep the trunk's features")
    first.add_argument("--data", type=Path, action="append", required=True)
    first.set_defaults(run=cache)
    first.add_argument("--out", type=Path, required=True, help="folder of the features")
    first.add_argument("--strength", type=float, default=0.7, help="of photometry and degradation; 0: an ablation")
    first.add_argument("--no-distractors", dest="distractors", action="store_false", help="composed scenes have the "
                       "target alone: an ablation")  # fmt: skip
    second = stages.add_parser("learn", help="train from the features; an interrupted run in --out goes on")
    second.add_argument("--work", type=Path, required=True, help="folder of the features")
    second.add_argument("--data", type=Path, action="append", default=[], help="folders whose val clips judge")
    second.add_argument("--out", type=Path, required=True, help="folder of state, log and weights")
    second.add_argument("--samples", type=int, default=100_000, help="length of the whole schedule")
    second.add_argument("--rate", type=float, default=2e-3)
    second.add_argument("--late", action="store_true", help="train the blocks after stride 8 too")
    second.add_argument("--without", choices=SOURCES, help="leave the pairs of one source out: an ablation")
    second.add_argument("--init", type=Path, help="weights (.safetensors) to go on from")
    second.set_defaults(run=learn)
    third = stages.add_parser("export", help="write the ONNX graphs")
    third.add_argument("--init", type=Path, required=True, help="weights (.safetensors)")
    third.add_argument("--out", type=Path, required=True, help="folder of the graphs")
    third.set_defaults(run=export)
    for stage in (first, second):
        stage.add_argument("--trunk", type=Path, required=True, help="EfficientNet-Lite0 ImageNet weights")
        stage.add_argument("--minutes", type=float, default=1.0)
        stage.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
