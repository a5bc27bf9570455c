"""``models/models.yaml``: what is known of each tracker's weights."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from uav_tracker_ros.errors import InvalidParameter, ModelFileMissing
from uav_tracker_ros.trackers.confidence import Calibration

PEERS_ENVIRONMENT = "UAV_TRACKER_PEERS"
MODELS_ENVIRONMENT = "UAV_TRACKER_MODELS"
TABLE = "models.yaml"


class ModelFile(NamedTuple):
    """One file of weights."""

    graph: str  # what it computes, e.g. ``backbone``
    name: str
    sha256: str


class DevScores(NamedTuple):
    """Scores on the development sequences: first box given, one pass."""

    success_auc: float
    precision_20px: float


@dataclass(frozen=True)
class TableRow:
    """One tracker as models.yaml has it, whether or not its files are there."""

    name: str
    family: str
    params: int | None = None  # every learnable number
    macs: int | None = None  # multiply-adds of one search
    template_macs: int | None = None
    files: tuple[ModelFile, ...] = ()
    folder: Literal["models", "peers"] = "models"
    needs_weights: bool = False
    weights_from: str = ""  # where absent weights would come from
    licence: str | None = None
    backends: tuple[str, ...] = ()
    memory_learnt: bool = True  # False: these weights fly with the first template alone
    dev: DevScores | None = None
    calibration: Calibration | None = None


def default_models_dir() -> Path:
    """The folder ``models``: the environment's, a source tree's, or an installation's share folder."""
    given = os.environ.get(MODELS_ENVIRONMENT)
    if given:
        return Path(given)
    package = Path(__file__).resolve().parents[1]
    candidates = [package.parent / "models"]
    candidates += [parent / "share" / "uav_tracker_ros" / "models" for parent in (*package.parents, Path(sys.prefix))]
    for candidate in candidates:
        if (candidate / TABLE).is_file():
            return candidate
    return candidates[0]


def read_table(models_dir: Path | None = None) -> dict[str, TableRow]:
    """All rows by name.

    Raises:
        ModelFileMissing: no models.yaml in the folder.
        InvalidParameter: a row that is not as it should be.
    """
    file = (models_dir or default_models_dir()) / TABLE
    if not file.is_file():
        raise ModelFileMissing(f"{file} is not there; expected the table of trackers; give the folder of this package")
    return _parse(file, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _parse(file: Path, modified: int) -> dict[str, TableRow]:  # `modified`: part of the key
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return {name: _row(name, values) for name, values in content["trackers"].items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidParameter(
            f"{file} cannot be read ({error}); expected rows as models/README.md says; correct it"
        ) from error


def _row(name: str, values: Mapping[str, Any]) -> TableRow:
    known = TableRow.__dataclass_fields__.keys() - {"name"}
    if values.keys() - known:
        raise ValueError(f"row {name} has unknown keys {sorted(values.keys() - known)}")
    fields = dict(values)
    fields["files"] = tuple(ModelFile(**entry) for entry in values.get("files", ()))
    fields["backends"] = tuple(values.get("backends", ()))
    fields["needs_weights"] = bool(values.get("needs_weights", fields["files"]))
    if "dev" in values:
        fields["dev"] = DevScores(**values["dev"])
    if "calibration" in values:
        entry: dict[str, Any] = values["calibration"]
        lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
        fields["calibration"] = Calibration(**{**entry, **lists})
    return TableRow(name=name, **fields)
