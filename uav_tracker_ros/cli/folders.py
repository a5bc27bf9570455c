"""Options that name the folders of weights: one text, one environment variable, for every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

# typer reads these objects at run time: on Python 3.10 it does not know ``Path | None``.
PeersFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Folder of the peers' weights.", envvar="UAV_TRACKER_PEERS", metavar="DIR"),
]
ModelsFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--models-dir", help="Folder of models.yaml and weights.", envvar="UAV_TRACKER_MODELS"),
]
