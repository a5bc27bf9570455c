"""One door to every tracker: names, what is known of them, and making one.

A new tracker is one file in this folder (or ``FAMILY/tracker.py``) with a decorated factory::

    @register("mine")
    def make(build: Build) -> Tracker: ...

and a row in ``models/models.yaml`` if it has weights.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2

import uav_tracker_ros.trackers as _room
from uav_tracker_ros.backends.choice import choose
from uav_tracker_ros.backends.threads import default_threads
from uav_tracker_ros.errors import InvalidParameter, ModelFileMissing, UavTrackerError, unknown_name
from uav_tracker_ros.trackers.confidence import Calibration
from uav_tracker_ros.trackers.contract import Tracker
from uav_tracker_ros.trackers.model_table import (
    PEERS_ENVIRONMENT,
    DevScores,
    ModelFile,
    TableRow,
    default_models_dir,
    read_table,
)
from uav_tracker_ros.trackers.weights import verify

DEFAULT_TRACKER = "siamfcpp_lite0"  # of the trackers that ship, the best on recorded videos and in the simulation


@dataclass(frozen=True)
class Build:
    """What a factory gets: verified files, a chosen backend, threads."""

    name: str
    row: TableRow
    files: dict[str, Path]  # by graph; checksums are those of models.yaml
    backend: str  # empty for a tracker without a network
    threads: int

    def file(self, graph: str) -> Path:
        """The file of one graph.

        Raises:
            ModelFileMissing: the tracker's row does not list it.
        """
        if graph not in self.files:
            raise ModelFileMissing(
                f"{self.name} has no file '{graph}', which {self.backend} needs; its row in models.yaml lists "
                f"{', '.join(self.files) or 'none'}; choose another --backend"
            )
        return self.files[graph]


@dataclass(frozen=True)
class ModelRow:
    """One line of ``uav-tracker models``. None: not known or not applicable."""

    name: str
    family: str
    params: int | None
    macs: int | None
    template_macs: int | None
    weights: Literal["present", "absent"]  # a tracker that needs none says present
    file: str | None
    sha256: str | None
    licence: str | None
    backends: tuple[str, ...]
    dev: DevScores | None
    message: str  # empty where it can be created; else what is missing


Factory = Callable[[Build], Tracker]
_factories: dict[str, Factory] = {}


def register(name: str) -> Callable[[Factory], Factory]:
    """Decorator: the factory makes the tracker of this name.

    Raises:
        InvalidParameter: the name is taken.
    """

    def add(factory: Factory) -> Factory:
        if name in _factories and _factories[name] is not factory:
            raise InvalidParameter(f"tracker '{name}' is registered twice; expected one file a name; rename one")
        _factories[name] = factory
        return factory

    return add


def names(models_dir: Path | None = None) -> list[str]:
    """Every tracker that is registered or has a row, sorted; OpenCV's only where the installed build has them."""
    registered = _registered()
    rows = read_table(models_dir)
    return sorted(registered.keys() | {name for name, row in rows.items() if row.family != "opencv"})


def usable(*, models_dir: Path | None = None, peers_dir: Path | None = None) -> list[str]:
    """The names that :func:`create` can make here."""
    return [name for name in names(models_dir) if not _missing(name, models_dir, peers_dir)]


def describe(name: str, *, models_dir: Path | None = None, peers_dir: Path | None = None) -> ModelRow:
    """What is known of a tracker.

    Raises:
        UnknownName: nobody registered it and models.yaml does not list it.
    """
    row = _row(name, models_dir)
    missing = _missing(name, models_dir, peers_dir)
    return ModelRow(
        name=name,
        family=row.family,
        params=row.params,
        macs=row.macs,
        template_macs=row.template_macs,
        weights="absent" if row.needs_weights and missing else "present",
        file=row.files[0].name if row.files else None,
        sha256=row.files[0].sha256 if row.files else None,
        licence=row.licence,
        backends=row.backends,
        dev=row.dev,
        message=missing,
    )


def calibration(name: str, *, models_dir: Path | None = None) -> Calibration | None:
    """How this tracker's score becomes a probability; None: it was not calibrated."""
    return _row(name, models_dir).calibration


def create(
    name: str,
    *,
    backend: str = "auto",
    models_dir: Path | None = None,
    peers_dir: Path | None = None,
    threads: int | None = None,
) -> Tracker:
    """A new tracker without a target. It carries its ``calibration`` for :class:`TargetLock`.

    Args:
        name: one of :func:`names`.
        backend: ``auto`` or one of its row's backends; trackers without a network ignore ``auto`` and refuse others.
        models_dir: folder of models.yaml and weights; None: the package's.
        peers_dir: folder of the peers' weights; None: the environment variable UAV_TRACKER_PEERS.
        threads: of the network; None: one core is left to the others.

    Raises:
        UnknownName: no such tracker or backend.
        ModelFileMissing: its weights are not here; the message lists the usable trackers.
        ModelFileDamaged: a checksum differs.
        BackendUnavailable: it does not run on this backend, or a library is missing.
    """
    row = _row(name, models_dir)
    missing = _missing(name, models_dir, peers_dir)
    if missing:
        choice = ", ".join(usable(models_dir=models_dir, peers_dir=peers_dir))
        raise ModelFileMissing(f"{name}: {missing}; `uav-tracker models` lists what is there: {choice}")
    if threads is not None and threads < 1:
        raise InvalidParameter(f"threads is {threads}; expected at least 1; leave it out for the default")
    chosen = choose(backend, row.backends, name) if row.backends or backend != "auto" else ""
    files = {
        entry.graph: verify(_folder(row, models_dir, peers_dir) / entry.name, entry.sha256, name) for entry in row.files
    }
    cv2.setNumThreads(1)  # crops are small, and OpenCV's pool fights the network's
    tracker = _registered()[name](Build(name, row, files, chosen, threads or default_threads()))
    tracker.calibration = row.calibration  # type: ignore[attr-defined]
    return tracker


def _row(name: str, models_dir: Path | None) -> TableRow:
    rows = read_table(models_dir)
    if name not in names(models_dir):
        raise unknown_name("tracker", name, names(models_dir))
    return rows.get(name, TableRow(name, family=name))


def _folder(row: TableRow, models_dir: Path | None, peers_dir: Path | None) -> Path:
    if row.folder == "models":
        return Path(models_dir) if models_dir else default_models_dir()
    given = peers_dir or os.environ.get(PEERS_ENVIRONMENT)
    if not given:
        raise ModelFileMissing(
            f"the folder of the peers' weights is not given; set {PEERS_ENVIRONMENT} or the option peers_dir"
        )
    return Path(given)


def _missing(name: str, models_dir: Path | None, peers_dir: Path | None) -> str:
    """Why the tracker cannot be created, in words; empty if it can."""
    row = _row(name, models_dir)
    if row.needs_weights and not row.files:
        source = f" ({row.weights_from})" if row.weights_from else ""
        return f"its weights are not part of this release{source}"
    if row.files:
        try:
            folder = _folder(row, models_dir, peers_dir)
        except UavTrackerError as error:
            return str(error)
        absent = [entry.name for entry in row.files if not (folder / entry.name).is_file()]
        if absent:
            return f"{folder} lacks {', '.join(absent)}"
    return "" if name in _registered() else "no program for it is installed"


def _registered() -> dict[str, Factory]:
    """All factories; imports every tracker's file once."""
    for module in pkgutil.iter_modules(_room.__path__, f"{_room.__name__}."):
        if not module.ispkg:
            importlib.import_module(module.name)
        elif importlib.util.find_spec(f"{module.name}.tracker") is not None:
            importlib.import_module(f"{module.name}.tracker")
    return _factories


__all__ = [
    "Build",
    "DEFAULT_TRACKER",
    "DevScores",
    "ModelFile",
    "ModelRow",
    "calibration",
    "create",
    "describe",
    "names",
    "register",
    "usable",
]
