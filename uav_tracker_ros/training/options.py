"""The options of a training run, in one place for the bare entry and for ``uav-tracker train``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from uav_tracker_ros.errors import InvalidParameter, unknown_name
from uav_tracker_ros.trackers.dsatrack.rows import FORMS, ROWS

MEMORY = "_memory"  # what the second stage of a row is called, after the row's name

RECIPE_NAMES = (
    "siamfcpp_lite0",
    "siamfcpp_trunk",
    "p_siamfcpp_trunk",
    *(f"{prefix}{family}" for family in ("siamfcpp", "siamcar") for prefix in ("", "p_", "ps_")),
    "dsatrack_trunk",
    *ROWS,
    *(f"{name}{MEMORY}" for name, row in ROWS.items() if row.keep),
)


def _about(text: str, low: float | None = None) -> dict[str, Any]:
    return {"help": text, "low": low}


@dataclass(frozen=True)
class TrainOptions:
    """What a run is started with; the same values go on with an interrupted run."""

    data: tuple[Path, ...] = field(metadata=_about("Folder of training pictures; may be given again."))
    out: Path = field(metadata=_about("Folder of state, log and weights; a run found there goes on."))
    teacher: Path | None = field(default=None, metadata=_about("Lite0's ImageNet weights (.pth)."))
    tutor: Path | None = field(
        default=None,
        metadata=_about("Weights of a stronger tracker to learn from too (.safetensors; NanoTrack V3's .pth)."),
    )
    init: Path | None = field(default=None, metadata=_about("Weights to start from, of network or trunk."))
    minutes: float = field(default=0.0, metadata=_about("Stop before they are over, all saved; 0: never.", 0))
    finish: bool = field(default=False, metadata=_about("Bring the learning rate to its end within the minutes."))
    frugal: bool = field(default=False, metadata=_about("Smaller crops; siamfcpp, siamcar: keep conv1 to conv4."))
    form: str = field(default="hybrid", metadata=_about(f"dsatrack's rows: {', '.join(FORMS)}."))
    samples: int = field(default=0, metadata=_about("Length of the whole schedule; 0: the recipe's.", 0))
    batch: int = field(default=0, metadata=_about("Samples a step; 0: the recipe's, 16 on a CPU.", 0))
    rate: float = field(default=0.0, metadata=_about("AdamW's learning rate; 0: the recipe's.", 0))
    device: str = field(default="auto", metadata=_about("auto, cpu or cuda."))
    bf16: bool = field(default=True, metadata=_about("Multiply in bfloat16 where the loss allows."))
    workers: int = field(
        default=-1,
        metadata=_about("Processes that make samples; -1: cores - 2 on GPU.", -1),
    )
    canvases: int = field(default=0, metadata=_about("Samples kept on the device; 0: by the workers.", 0))
    reuse: float = field(default=0.0, metadata=_about("Draws of each sample; 0: 3 with workers, else 1.", 0))
    threads: int = field(default=1, metadata=_about("Of torch on a processor.", 1))
    piece_mb: float = field(default=0.0, metadata=_about("Split saved files into pieces of so many MiB.", 0))
    seed: int = field(default=1, metadata=_about("Of everything random.", 0))
    show_pairs: Path | None = field(default=None, metadata=_about("Draw 64 samples into this PNG, and stop."))

    def __post_init__(self) -> None:
        for entry in fields(self):
            low, value = entry.metadata.get("low"), getattr(self, entry.name)
            if low is not None and value < low:
                raise InvalidParameter(
                    f"--{entry.name.replace('_', '-')} is {value}; expected {low:g} or more; correct it"
                )
        if self.finish and not self.minutes:
            raise InvalidParameter("--finish without --minutes; expected the time to finish in; add --minutes M")
        if self.form not in FORMS:
            raise unknown_name("form", self.form, FORMS)
        if self.device not in ("auto", "cpu", "cuda"):
            raise InvalidParameter(f"--device is {self.device}; expected auto, cpu or cuda; correct it")

    def worker_count(self, device: str) -> int:
        """Processes that make samples."""
        if self.workers >= 0:
            return self.workers
        return max(1, len(os.sched_getaffinity(0)) - 2) if device == "cuda" else 0

    def ring(self, workers: int) -> tuple[int, float]:
        """Rows of the ring, and how often each is drawn."""
        return self.canvases or (32768 if workers else 0), self.reuse or (3.0 if workers else 1.0)
