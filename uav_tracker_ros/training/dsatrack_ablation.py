"""Scores of trained weights in the ways that the paper's ablations compare, side by side in one run.

python -m uav_tracker_ros.training.dsatrack_ablation hybrid=FILE joint=FILE --ways trained,fixed --data DIR

Ways, of the same weights: ``trained``, as the form says; ``fixed``, the memory keeps the first template alone;
``ungated``, it takes a view at every due frame; ``no_elimination``, no template token is dropped; ``hard``, an edge of
the graph is there or not. Ways take turns sequence by sequence, so that a busy machine slows all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from uav_tracker_ros.errors import InvalidParameter, UavTrackerError, unknown_name
from uav_tracker_ros.evaluation.datasets import Sequence, open_dataset
from uav_tracker_ros.evaluation.metrics import score_sequence
from uav_tracker_ros.evaluation.running import run_sequence
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.dsatrack.memory import MemoryRule, MemorySettings, flown_rule
from uav_tracker_ros.trackers.dsatrack.memory_tracker import MemoryTracker
from uav_tracker_ros.trackers.dsatrack.network import DsaTrack
from uav_tracker_ros.trackers.dsatrack.rows import FORMS, ROWS, Form, Row
from uav_tracker_ros.trackers.network_weights import read_weights
from uav_tracker_ros.training.recipes.dsatrack import flown


@dataclass(frozen=True)
class Way:
    """What is changed, beside the weights."""

    form: Callable[[Form], Form] = lambda form: form
    rule: MemoryRule | None = None  # None: the row's, after both stages
    gated: bool = True


WAYS = {
    "trained": Way(),
    "fixed": Way(rule="fixed"),
    "ungated": Way(gated=False),
    "no_elimination": Way(lambda form: replace(form, eliminate="off")),
    "hard": Way(lambda form: replace(form, edges="hard")),
}


class Figures(NamedTuple):
    """Means over sequences; the rate is of this machine at this moment."""

    success_auc: float
    precision_20px: float
    updates_per_s: float


def trackers(row: Row, weights: Mapping[str, Path], ways: Iterable[str], device: str = "cpu") -> dict[str, Tracker]:
    """A tracker for each form and way, named ``FORM/WAY``.

    Args:
        row: of all weights.
        weights: by the name of the form that they were trained in.
        ways: names of :data:`WAYS`.
        device: of torch.

    Raises:
        UnknownName: no such form or way.
        InvalidParameter: a way that the row or form has not.
        ModelFileMissing: no such file.
        ModelFileDamaged: weights of another row or form.
    """
    made: dict[str, Tracker] = {}
    ways = list(ways)
    for form_name, file in weights.items():
        for way_name in ways:
            if form_name not in FORMS or way_name not in WAYS:
                wrong, known = (form_name, FORMS) if form_name not in FORMS else (way_name, WAYS)
                raise unknown_name("form" if wrong is form_name else "way", wrong, known)
            form, way = FORMS[form_name], WAYS[way_name]
            if (way_name == "no_elimination" and not row.keep) or (
                way_name == "hard" and not (row.keep and form.semantics == "dynamic")
            ):
                raise InvalidParameter(
                    f"{row.name} in form {form_name} has nothing that way {way_name} changes; expected a row with "
                    "semantic-aware blocks, for hard with a graph; leave it out"
                )
            network = read_weights(DsaTrack(row, way.form(form)), file).to(device)
            name = f"{form_name}/{way_name}"
            rule = way.rule or flown_rule(keeps_tokens=bool(row.keep), learnt=True)
            made[name] = MemoryTracker(name, flown(network), MemorySettings(rule=rule, gated=way.gated))
    return made


def compare(
    made: Mapping[str, Tracker], sequences: Iterable[Sequence], tell: Callable[[str], None]
) -> dict[str, Figures]:
    """One pass of each tracker over each sequence.

    Args:
        made: by name.
        sequences: with true boxes.
        tell: gets a line a pass.

    Raises:
        InputUnreadable: frames that cannot be read.
    """
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    spent = dict.fromkeys(made, 0.0)
    updates = 0
    for sequence in sequences:
        for name, tracker in made.items():
            records = run_sequence(tracker, sequence)
            found = np.array([[record.box.x, record.box.y, record.box.w, record.box.h] for record in records])
            scores[name].append(score_sequence(found, sequence.truth)[:2])
            spent[name] += sum(record.seconds for record in records[1:])
            tell(f"{sequence.name} {name}: AUC {scores[name][-1][0]:.3f}")
        updates += len(sequence.truth) - 1
    means = {name: np.mean(values, axis=0).tolist() for name, values in scores.items()}
    return {name: Figures(auc, precision, updates / spent[name]) for name, (auc, precision) in means.items()}


def main(arguments: list[str] | None = None) -> int:
    """Read the options, compare, print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m uav_tracker_ros.training.dsatrack_ablation", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("weights", nargs="+", metavar="FORM=FILE", help=f"forms: {', '.join(FORMS)}")
    parser.add_argument("--row", default="dsatrack_vit_t", choices=list(ROWS))
    parser.add_argument("--ways", default="trained", help=f"with commas: {', '.join(WAYS)}")
    parser.add_argument("--data", type=Path, action="append", required=True, help="folder of sequences with true boxes")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="of torch on a processor")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    files = {form: Path(file) for form, _, file in (text.partition("=") for text in given.weights)}
    try:
        made = trackers(ROWS[given.row], files, given.ways.split(","), given.device)
        sequences = [sequence for folder in given.data for sequence in open_dataset(folder)[1]]
        figures = compare(made, sequences, lambda line: print(line, file=sys.stderr))  # noqa: T201 - a command
    except UavTrackerError as error:
        print(f"ablation: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    if given.json:
        print(json.dumps({name: entry._asdict() for name, entry in figures.items()}))  # noqa: T201 - a command
        return 0
    print(f"{'form/way':24} {'AUC':>6} {'P20':>6} {'1/s':>7}")  # noqa: T201 - a command
    for name, entry in figures.items():
        print(f"{name:24} {entry[0]:6.3f} {entry[1]:6.3f} {entry[2]:7.1f}")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
