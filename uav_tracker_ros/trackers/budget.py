"""Which tracker a machine can afford: the presets' answer to ``name: auto``."""

from __future__ import annotations

from pathlib import Path

from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.model_table import read_table

AUTO = "auto"


def best_within(max_gmacs: float, *, models_dir: Path | None = None) -> str:
    """The tracker with the best development score whose weights are here and whose search is cheap enough.

    Only networks of this package whose score was measured are considered: a new row is chosen when models.yaml has
    its score, not because its files are there. The peers' files change with an environment variable and are left out.

    Args:
        max_gmacs: 1e9 multiply-adds of one search at most.
        models_dir: folder of models.yaml and weights; None: the package's.

    Returns:
        Its name, of equal scores the cheaper one's; the default tracker where none fits.
    """
    fitting = []
    for name in registry.usable(models_dir=models_dir):
        row = read_table(models_dir).get(name)
        if row is None or row.folder != "models" or row.dev is None or row.macs is None:
            continue
        if row.macs <= max_gmacs * 1e9:
            fitting.append((-row.dev.success_auc, row.macs, name))
    return min(fitting)[2] if fitting else registry.DEFAULT_TRACKER
