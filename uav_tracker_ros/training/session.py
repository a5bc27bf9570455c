"""One session of training, from options to saved weights."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import torch
from torch import nn

from uav_tracker_ros.errors import BackendUnavailable, InvalidParameter, UavTrackerError, unknown_name
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import FORMS, ROWS
from uav_tracker_ros.trackers.siamfcpp.network import SiamFCpp
from uav_tracker_ros.trackers.weights import load_state
from uav_tracker_ros.training import checkpoint
from uav_tracker_ros.training.distillation.distilled import Distilled, Taught
from uav_tracker_ros.training.distillation.teachers import read_teacher
from uav_tracker_ros.training.dsatrack_weights import start_from
from uav_tracker_ros.training.engine import Engine, RunSettings
from uav_tracker_ros.training.lesson import Lesson, Schedule
from uav_tracker_ros.training.networks import FAMILIES, read_network
from uav_tracker_ros.training.options import MEMORY, TrainOptions
from uav_tracker_ros.training.ranks import Ranks
from uav_tracker_ros.training.recipes import (
    dsatrack,
    dsatrack_trunk,
    siamcar,
    siamfcpp,
    siamfcpp_lite0,
    siamfcpp_tuning,
)
from uav_tracker_ros.training.recipes.siamfcpp import PairFamily
from uav_tracker_ros.training.scenes import pictures
from uav_tracker_ros.training.scenes.pictures import Pictures
from uav_tracker_ros.training.scenes.samples import Source
from uav_tracker_ros.training.sheet import draw_sheet

_CPU_BATCH = 16
_TRUNK = "_trunk"  # recipes that learn features alone


MakeLesson = Callable[[TrainOptions, Pictures], Lesson]


class Recipe(NamedTuple):
    """A lesson and the schedule it is trained by."""

    lesson: MakeLesson
    schedule: Schedule


def _teacher(options: TrainOptions) -> Path:
    if options.teacher is None or not options.teacher.is_file():
        raise InvalidParameter(
            f"--teacher is {options.teacher}; expected the file of EfficientNet-Lite0's ImageNet weights, from which "
            "this recipe starts; give --teacher FILE.pth"
        )
    return options.teacher


def _pruned(options: TrainOptions, name: str) -> Path:
    if options.init is None:
        raise InvalidParameter(
            "--init is not given; expected the weights that `uav-tracker prune` wrote, which this recipe tunes; "
            f"prune a trained {name} first"
        )
    return options.init


def _pruned_trunk(options: TrainOptions, judged: Pictures) -> Lesson:
    network = read_network("siamfcpp", _pruned(options, "siamfcpp"))
    return siamfcpp.TrunkLesson(_teacher(options), judged, cast(SiamFCpp, network))


def _family(options: TrainOptions, name: str) -> tuple[PairFamily, int]:
    """How a Siamese network learns, and how many convolutions stay as they are."""
    make = {"siamfcpp": siamfcpp.family, "siamcar": siamcar.family}[name]
    return (make(siamfcpp.FRUGAL_PX), siamfcpp.FRUGAL_FROZEN) if options.frugal else (make(), 0)


def _full(name: str) -> MakeLesson:
    def make(options: TrainOptions, judged: Pictures) -> Lesson:
        family, frozen = _family(options, name)
        return siamfcpp.PairLesson(FAMILIES[name](), family, judged, frozen)

    return make


def _tuning(name: str, *, attention: bool) -> MakeLesson:
    def make(options: TrainOptions, judged: Pictures) -> Lesson:
        family, frozen = _family(options, name)
        weights = _pruned(options, name)
        return siamfcpp_tuning.TuningLesson(name, weights, family, judged, attention=attention, frozen=frozen)

    return make


def _row(name: str, stage: dsatrack.Stage) -> MakeLesson:
    def make(options: TrainOptions, judged: Pictures) -> Lesson:
        if stage is dsatrack.MEMORY and options.init is None:
            raise InvalidParameter(
                f"--init is not given; expected the weights of {name}'s first stage, which this recipe goes on with; "
                f"train {name} first"
            )
        return dsatrack.DsaLesson(name, judged, FORMS[options.form], stage)

    return make


RECIPES: dict[str, Recipe] = {
    "siamfcpp_trunk": Recipe(
        lambda options, judged: siamfcpp.TrunkLesson(_teacher(options), judged), siamfcpp.TRUNK_SCHEDULE
    ),
    "p_siamfcpp_trunk": Recipe(_pruned_trunk, siamfcpp.TRUNK_SCHEDULE),
    **{name: Recipe(_full(name), siamfcpp.PAIR_SCHEDULE) for name in FAMILIES},
    **{
        f"{prefix}_{name}": Recipe(_tuning(name, attention=prefix == "ps"), siamfcpp_tuning.SCHEDULE)
        for name in FAMILIES
        for prefix in ("p", "ps")
    },
    "siamfcpp_lite0": Recipe(
        lambda options, judged: siamfcpp_lite0.Lite0Lesson(_teacher(options), judged), siamfcpp_lite0.SCHEDULE
    ),
    "dsatrack_trunk": Recipe(
        lambda options, judged: dsatrack_trunk.TrunkLesson(
            "dsatrack_vit_t", _teacher(options), judged, frugal=options.frugal
        ),
        dsatrack_trunk.SCHEDULE,
    ),
    **{name: Recipe(_row(name, dsatrack.FIRST), dsatrack.SCHEDULE) for name in ROWS},
    **{
        f"{name}{MEMORY}": Recipe(_row(name, dsatrack.MEMORY), dsatrack.MEMORY_SCHEDULE)
        for name, row in ROWS.items()
        if row.keep
    },
}

FRUGAL = ("dsatrack_trunk", *FAMILIES, *(f"{prefix}_{name}" for prefix in ("p", "ps") for name in FAMILIES))


def train(recipe: str, options: TrainOptions, started: float | None = None) -> dict[str, float]:
    """Train until the schedule or the minutes end.

    Args:
        recipe: a name of :data:`RECIPES`.
        options: of the run.
        started: s of ``time.monotonic`` from which the minutes count; None: now.

    Returns:
        ``samples`` seen in all, and figures of the last judgement.

    Raises:
        UavTrackerError: no such recipe, data, weights or device.
    """
    started = time.monotonic() if started is None else started
    if recipe not in RECIPES:
        raise unknown_name("recipe", recipe, RECIPES)
    if options.frugal and recipe not in FRUGAL:
        raise InvalidParameter(f"--frugal with {recipe}; expected one of {', '.join(FRUGAL)}; leave it out")
    if options.tutor is not None and recipe.endswith(_TRUNK):
        raise InvalidParameter(f"--tutor with {recipe}; expected a recipe that learns to track; leave it out")
    device = _device(options.device)
    cv2.setNumThreads(1)
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(options.seed)
    made = RECIPES[recipe]
    judged = pictures.load(list(options.data), split="val", frame_step=1)
    lesson = made.lesson(options, judged)
    if (
        options.init is not None
        and _start_from(lesson.student, options.init)
        and isinstance(lesson, dsatrack.DsaLesson)
    ):
        lesson.skip_ramp()
    training = pictures.load(list(options.data))
    source = lesson.source(training, options.seed)
    if options.show_pairs is not None:
        draw_sheet(lesson, source, options.show_pairs)
        return {"samples": 0.0}
    return _run(recipe, options, lesson, source, device, started)


def _run(
    recipe: str, options: TrainOptions, lesson: Lesson, source: Source, device: str, started: float
) -> dict[str, float]:
    ranks = Ranks.join(device)
    try:
        workers = options.worker_count(device)
        canvases, reuse = options.ring(workers)
        # the same arrays in another form would go on without a word
        run = recipe if options.form == "hybrid" else f"{recipe} --form {options.form}"
        settings = RunSettings(
            run, options.out, options.minutes * 60 or math.inf, started, options.seed, device, options.bf16,
            canvases, reuse, workers, finish=options.finish,
        )  # fmt: skip
        schedule = _schedule(RECIPES[recipe].schedule, options, device, ranks)
        if options.tutor is not None:
            lesson = Distilled(cast(Taught, lesson), read_teacher(options.tutor), schedule.steps)
        figures = Engine(lesson, schedule, source, settings, ranks).run()
        if ranks.first and options.piece_mb:
            for file in (checkpoint.STATE, "last.safetensors", "best.safetensors"):
                if (options.out / file).is_file():
                    checkpoint.split(options.out / file, options.piece_mb)
        return figures
    finally:
        ranks.leave()


def _schedule(schedule: Schedule, options: TrainOptions, device: str, ranks: Ranks) -> Schedule:
    batch = options.batch or (schedule.batch if device == "cuda" else _CPU_BATCH)
    if batch % ranks.world:
        raise InvalidParameter(f"batch {batch} for {ranks.world} ranks; expected a multiple of them; correct --batch")
    return replace(schedule, samples=options.samples or schedule.samples, batch=batch,
                   rate=options.rate or schedule.rate)  # fmt: skip


def _device(asked: str) -> str:
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise BackendUnavailable("torch sees no CUDA device; expected one for --device cuda; use --device cpu")
    return "cuda" if there and asked != "cpu" else "cpu"


def _start_from(student: nn.Module, file: Path) -> bool:
    """Weights of the whole network, or of its trunk alone where the file's names are the trunk's; True: the whole."""
    checkpoint.join_pieces(file.parent)
    if isinstance(student, DsaTrack) and (origin := start_from(student, file)):
        print(f"starts from {file.name}: {origin}", file=sys.stderr)  # noqa: T201
        return False
    for part in (getattr(student, name, None) for name in ("backbone", "trunk")):
        if isinstance(part, nn.Module):
            with contextlib.suppress(UavTrackerError):  # then it is the whole, or its error is raised below
                _load(part, file)
                return False
    _load(student, file)
    return True


def _load(target: nn.Module, file: Path) -> None:
    shapes = {name: tuple(value.shape) for name, value in target.state_dict().items()}
    counters = [name for name in shapes if name.endswith("num_batches_tracked")]
    expected = {name: shape for name, shape in shapes.items() if name not in counters}
    found = load_state(file, expected, ignore=counters)
    target.load_state_dict({name: torch.from_numpy(value).float() for name, value in found.items()}, strict=False)
    print(f"starts from {file.name}: {type(target).__name__}", file=sys.stderr)  # noqa: T201
