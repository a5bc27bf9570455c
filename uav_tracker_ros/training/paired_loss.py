"""What weights of one row lose on samples drawn anew, and by how much they differ: few validation clips cannot tell.

    python -m uav_tracker_ros.training.paired_loss eatrack ONE.safetensors TWO.safetensors --data DIR --data DIR

Every file sees the same samples, so that the difference is surer than the losses are; its standard error is over the
batches. The pictures are those of training, the samples are not: another seed draws them.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from uav_tracker_ros.errors import InvalidParameter, UavTrackerError
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import FORMS, ROWS
from uav_tracker_ros.trackers.network_weights import read_weights
from uav_tracker_ros.training.recipes.dsatrack import DsaLesson
from uav_tracker_ros.training.scenes import pictures

BATCH = 24
SEED = 9999  # no run's: those count from 1
LEAST = 2 * BATCH  # one batch has no standard error

Batch = dict[str, Tensor]


class Losses(NamedTuple):
    """Of one file, a row a batch."""

    loss: np.ndarray
    iou: np.ndarray  # of the best cell's box


def drawn(lesson: DsaLesson, data: Sequence[Path], samples: int) -> Iterator[Batch]:
    """Batches of views that are the same at each call.

    Raises:
        InvalidParameter: fewer than :data:`LEAST` samples.
        UavTrackerError: folders without pictures.
    """
    if samples < LEAST:
        raise InvalidParameter(f"--samples is {samples}; expected {LEAST} or more, a difference needs two batches")
    source, views = lesson.source(pictures.load(list(data)), SEED), Generator().manual_seed(SEED)
    for first in range(0, samples - BATCH + 1, BATCH):
        made = [source.draw(first + number) for number in range(BATCH)]
        stacked = {name: torch.from_numpy(np.stack([sample[name] for sample in made])) for name in made[0]}
        yield lesson.prepare(stacked, views)


def losses(lesson: DsaLesson, files: Sequence[Path], batches: Iterator[Batch]) -> list[Losses]:
    """Of each file, on the same batches.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: weights of another row or form.
    """
    row, form = lesson.network.row, lesson.network.form
    networks = [read_weights(DsaTrack(row, form), file) for file in files]
    found: list[list[tuple[float, float]]] = [[] for _ in files]
    lesson.skip_ramp()  # trained weights drop their tokens
    lesson.eval()
    with torch.no_grad():
        for batch in batches:
            for network, seen in zip(networks, found, strict=True):
                lesson.network = network
                loss, figures = lesson(batch)
                seen.append((float(loss), float(figures["iou"])))
    return [Losses(*np.array(seen).T) for seen in found]


def table(files: Sequence[Path], found: Sequence[Losses]) -> str:
    """A line a file: means, and what each loss differs from the first file's by."""
    width = max(len(str(name)) for name in ("weights", *files))
    lines = [f"{'weights':{width}} {'loss':>6} {'IoU':>6}  against the first"]
    for number, (file, of_file) in enumerate(zip(files, found, strict=True)):
        line = f"{file!s:{width}} {of_file.loss.mean():6.3f} {of_file.iou.mean():6.3f}"
        if number:
            apart = of_file.loss - found[0].loss
            line += f"  {apart.mean():+.3f} +- {apart.std(ddof=1) / math.sqrt(len(apart)):.3f}"
        lines.append(line)
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Read the options, draw, compare, print the table."""
    parser = argparse.ArgumentParser(prog="python -m uav_tracker_ros.training.paired_loss", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("row", choices=list(ROWS))
    parser.add_argument("weights", type=Path, nargs="+", help="of the row, .safetensors")
    parser.add_argument("--data", type=Path, action="append", required=True, help="folder of training pictures")
    parser.add_argument("--form", default="hybrid", choices=list(FORMS))
    parser.add_argument("--samples", type=int, default=480)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    given = parser.parse_args(argv)
    torch.set_num_threads(given.threads)
    lesson = DsaLesson(given.row, pictures.Pictures(), FORMS[given.form])
    try:
        found = losses(lesson, given.weights, drawn(lesson, given.data, given.samples))
    except UavTrackerError as error:
        print(f"paired_loss: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    print(table(given.weights, found))  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
