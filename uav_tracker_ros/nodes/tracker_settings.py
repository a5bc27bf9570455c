"""Which tracker the tracker's node runs, and how."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from uav_tracker_ros.backends.choice import choose
from uav_tracker_ros.following.settings import setting
from uav_tracker_ros.nodes.launch_options import BACKENDS
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.budget import AUTO, best_within
from uav_tracker_ros.trackers.contract import Tracker


@dataclass(frozen=True)
class TrackerSettings:
    """Which tracker runs, and how (ROS parameters ``tracker.*``)."""

    name: str = setting(
        registry.DEFAULT_TRACKER,
        "name of the tracker (`uav-tracker models` lists them); auto: the best score within max_gmacs",
    )
    max_gmacs: float = setting(1.0, "1e9 multiply-adds a frame that auto may spend", low=0.1, high=100)
    backend: str = setting("auto", "library that runs the network", choices=BACKENDS)
    threads: int = setting(0, "threads of the network; 0: one core is left to the others", low=0, high=64)
    models_dir: str = setting("", "folder of models.yaml and the weights; empty: the package's")
    peers_dir: str = setting("", "folder of the peers' weights; empty: environment UAV_TRACKER_PEERS")
    point_size: float = setting(
        0.12, "side of the box around a selected point, share of the image's height", low=0.02, high=0.5
    )

    @cached_property
    def chosen(self) -> str:
        """The tracker's name; of ``auto`` what it stands for here."""
        return best_within(self.max_gmacs, models_dir=_path(self.models_dir)) if self.name == AUTO else self.name

    def create(self) -> Tracker:
        """The tracker; raises what :func:`registry.create` raises."""
        return registry.create(
            self.chosen,
            backend=self.backend,
            models_dir=_path(self.models_dir),
            peers_dir=_path(self.peers_dir),
            threads=self.threads or None,
        )

    def model(self) -> str:
        """File and backend in words, for logs and diagnostics."""
        row = registry.describe(self.chosen, models_dir=_path(self.models_dir), peers_dir=_path(self.peers_dir))
        if not row.backends:
            return "no network"
        return f"{row.file} on {choose(self.backend, row.backends, self.chosen)}"


def _path(text: str) -> Path | None:
    return Path(text) if text else None
