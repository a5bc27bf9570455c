"""The recipe of ``siamfcpp_lite0``, read top to bottom: cache the frozen trunk's features, then train the head.

A frozen trunk makes a step of the head ten times cheaper, so features of each drawn pair are computed once and
kept on disk as fp16. Runs on a machine without ROS: torch, NumPy, OpenCV and ONNX Runtime.

    python -m uav_tracker_ros.training.recipes.siamfcpp_lite0 cache --data DIR --data DIR --trunk FILE.pth \
        --out WORK --minutes 20 --seed 1
    python -m uav_tracker_ros.training.recipes.siamfcpp_lite0 head --trunk FILE.pth --out WORK --minutes 10
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from uav_tracker_ros.trackers.siamfcpp.lite0_network import SiamFCppLite0, cell_points, decode
from uav_tracker_ros.training import losses
from uav_tracker_ros.training.scenes import pictures
from uav_tracker_ros.training.scenes.pairs import SOURCES, PairSampler

SHARD = 500  # pairs a file
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
    sampler = PairSampler(pictures.load(options.data), options.seed)
    number = len(list(options.out.glob(f"pairs_{options.seed}_*.npz")))
    sampler.rng = sampler.composer.rng = np.random.default_rng((options.seed, number))  # resumed: other pairs
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


def loss_of(network: SiamFCppLite0, batch: dict[str, Tensor], points: Tensor) -> tuple[Tensor, dict[str, float]]:
    """The loss of one batch of cached features, and what the log shows of it."""
    state = network.head.template(batch["z_fine"], batch["z_coarse"])
    score, overlap, distances = network.head(state, batch["x_fine"], batch["x_coarse"])
    labels, weights = losses.cell_labels(batch["box"], points)
    score_loss = losses.balanced_bce(score[:, 0], labels, weights)
    chosen = labels.nonzero(as_tuple=True)
    wanted = batch["box"][chosen[0]]
    boxes = decode(distances).permute(0, 2, 3, 1)[chosen]
    iou, giou = losses.paired_iou(boxes, wanted)
    share = batch["box_weight"][chosen[0]]
    box_loss = ((1 - giou) * share).sum() / share.sum().clamp(min=1)
    logits = overlap[:, 0][chosen]
    overlap_loss = (
        torch.nn.functional.binary_cross_entropy_with_logits(logits, iou.detach().clamp(0, 1)) if len(iou) else box_loss
    )
    total = score_loss + 1.5 * box_loss + 0.5 * overlap_loss
    return total, {"loss": total.item(), "score": score_loss.item(), "box": box_loss.item(), "iou": float(iou.mean())}


def head(options: argparse.Namespace) -> None:
    """Train the head on every shard there is; one cycle of the learning rate over the minutes."""
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    network = new_network(options.trunk)
    if options.init:
        network.head.load_state_dict(torch.load(options.init, weights_only=True))
    network.head.train()
    average = {name: value.detach().clone() for name, value in network.head.state_dict().items()}
    optimizer = torch.optim.AdamW(network.head.parameters(), lr=options.rate, weight_decay=1e-2)
    points, rng = cell_points(), np.random.default_rng(options.seed)
    start, seconds, step = time.monotonic(), 60 * options.minutes, 0
    log = csv.writer((options.out / f"head_{options.name}.csv").open("w"))
    log.writerow(["step", "seconds", "pairs", "loss", "score", "box", "iou"])
    while (done := (time.monotonic() - start) / seconds) < 1:
        files = sorted(options.out.glob("pairs_*.npz"))
        arrays = _joined([files[k] for k in rng.choice(len(files), min(options.shards, len(files)), replace=False)])
        order = rng.permutation(len(arrays["box"]))
        for first in range(0, len(order) - options.batch + 1, options.batch):
            done = min(1.0, (time.monotonic() - start) / seconds)
            warm = min(1.0, step / 100)
            for group in optimizer.param_groups:
                group["lr"] = options.rate * warm * (0.5 + 0.5 * np.cos(np.pi * done)) + 1e-6
            rows = order[first : first + options.batch]
            batch = {
                name: torch.from_numpy(array[rows].astype(np.float32))
                for name, array in arrays.items()
                if name != "source"
            }
            total, figures = loss_of(network, batch, points)
            optimizer.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(network.head.parameters(), 5.0)
            optimizer.step()
            step += 1
            keep = min(0.998, step / (step + 20))
            for name, value in network.head.state_dict().items():
                average[name] = (
                    average[name] * keep + value * (1 - keep) if value.is_floating_point() else value.clone()
                )
            if step % 50 == 0:
                values = [
                    step,
                    round(time.monotonic() - start),
                    step * options.batch,
                    *(round(v, 4) for v in figures.values()),
                ]
                log.writerow(values)
                print(*values, flush=True)  # noqa: T201 - a training log
            if done >= 1:
                break
    torch.save(average, options.out / f"head_{options.name}.pt")
    summary = {"pairs_seen": step * options.batch, "unique_pairs": len(files) * SHARD, "minutes": options.minutes}
    (options.out / f"head_{options.name}.json").write_text(json.dumps(summary))


def export(options: argparse.Namespace) -> None:
    """Write the two graphs that run at flight time."""
    network = new_network(options.trunk)
    network.head.load_state_dict(torch.load(options.init, weights_only=True))
    network.eval()
    options.out.mkdir(parents=True, exist_ok=True)
    template = torch.zeros(1, 128, 128, 3, dtype=torch.uint8)
    search = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
    state = network.template(template)
    names = ["template_coarse", "template_kernel", "template_fine"]
    file = options.out / "siamfcpp_lite0.template.onnx"
    _write_graph(network, network.template, (template,), file, (["crop"], names))
    file = options.out / "siamfcpp_lite0.track.onnx"
    outputs = ["score", "overlap", "boxes"]
    _write_graph(network, lambda crop, *z: network.track(crop, z), (search, *state), file, (["crop", *names], outputs))


def _joined(files: list[Path]) -> dict[str, np.ndarray]:
    loaded = [np.load(file) for file in files]
    return {name: np.concatenate([part[name] for part in loaded]) for name in loaded[0].files}


def main() -> None:
    """Read the options and run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    stages = parser.add_subparsers(required=True)
    first = stages.add_parser("cache", help="draw pairs and keep the trunk's features")
    first.add_argument("--data", type=Path, action="append", required=True)
    first.set_defaults(run=cache)
    second = stages.add_parser("head", help="train the head from the features")
    second.add_argument("--batch", type=int, default=32)
    second.add_argument("--rate", type=float, default=2e-3)
    second.add_argument("--threads", type=int, default=1)
    second.add_argument("--shards", type=int, default=12, help="shards in memory at a time")
    second.add_argument("--init", type=Path, help="head weights to go on from")
    second.add_argument("--name", default="last")
    second.set_defaults(run=head)
    third = stages.add_parser("export", help="write the ONNX graphs")
    third.add_argument("--init", type=Path, required=True, help="head weights")
    third.set_defaults(run=export)
    for stage in (first, second, third):
        stage.add_argument("--trunk", type=Path, required=True, help="EfficientNet-Lite0 ImageNet weights")
        stage.add_argument("--out", type=Path, required=True, help="folder of features and weights")
        stage.add_argument("--minutes", type=float, default=1.0)
        stage.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
