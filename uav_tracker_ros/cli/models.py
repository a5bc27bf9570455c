"""``uav-tracker models``: every tracker, its size, and whether it can run here."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from uav_tracker_ros.cli.folders import ModelsFolder, PeersFolder
from uav_tracker_ros.cli.output_folder import JsonOutput
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.registry import ModelRow


def models(
    peers: PeersFolder = None,
    models_dir: ModelsFolder = None,
    json: Annotated[
        str | None, typer.Option(help="Write the rows as JSON to a file, or - for standard output.", metavar="FILE|-")
    ] = None,
) -> None:
    """List every tracker: parameters, multiply-adds, weights, licence, scores.

    Example:  uav-tracker models --peers ~/peers
    """
    output = JsonOutput(json)
    rows = [registry.describe(name, models_dir=models_dir, peers_dir=peers) for name in registry.names(models_dir)]
    output.write({"schema": 1, "models": [as_json(row) for row in rows]})
    if not output.to_stdout:
        _print(rows)


def as_json(row: ModelRow) -> dict[str, Any]:
    """One row; what is not known is absent."""
    fields: dict[str, Any] = {
        "name": row.name,
        "family": row.family,
        "params": row.params,
        "macs": row.macs,
        "template_macs": row.template_macs,
        "weights": row.weights,
        "file": row.file,
        "sha256": row.sha256,
        "licence": row.licence,
        "backends": list(row.backends) or None,
        "dev": row.dev._asdict() if row.dev else None,
        "message": row.message or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _print(rows: list[ModelRow]) -> None:
    console = Console()
    wide = console.width >= 100
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="AUC, P20: success and precision at 20 px on the development sequences",
    )
    for title in ("name", "family", "params", "MACs", "AUC", "P20", "here"):
        table.add_column(title, justify="right" if title in ("params", "MACs", "AUC", "P20") else "left", no_wrap=True)
    if wide:
        table.add_column("backends")
        table.add_column("licence")
    for row in rows:
        cells = [row.name, row.family, _count(row.params), _count(row.macs)]
        cells += [f"{score:.3f}" for score in row.dev] if row.dev else ["", ""]
        cells.append("yes" if not row.message else "no weights" if row.weights == "absent" else "no")
        if wide:
            cells += [", ".join(row.backends), row.licence or ""]
        table.add_row(*cells, style="dim" if row.message else None)
    console.print(table)
    for reason in dict.fromkeys(row.message for row in rows if row.message):
        console.print(f"{', '.join(row.name for row in rows if row.message == reason)}: {reason}")


def _count(number: int | None) -> str:
    if number is None:
        return ""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return str(number)
