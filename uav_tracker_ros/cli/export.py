"""``uav-tracker export``: from trained weights to the files that a tracker runs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from uav_tracker_ros.backends import choice
from uav_tracker_ros.cli.output_folder import JsonOutput, OutputFolder
from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged
from uav_tracker_ros.trackers.search_region import SETTINGS


def export(
    weights: Annotated[Path, typer.Argument(help="Trained weights, full or pruned, .safetensors.")],
    *,
    name: Annotated[str, typer.Option(help="The tracker's, e.g. ps_siamfcpp: begins the files' names.")],
    family: Annotated[str, typer.Option(help="siamfcpp, siamcar or dsatrack.")] = "siamfcpp",
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")] = Path("out/export"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of the same name.")] = False,
    json: Annotated[
        str | None, typer.Option(help="Write a summary as JSON to a file, or - for standard output.", metavar="FILE|-")
    ] = None,
) -> None:
    """Write the graphs of a trained network and check them against it. Needs torch.

    Writes NAME.template.onnx and NAME.track.onnx, which share NAME.weights, and NAME.safetensors (fp16); prints the
    row for models.yaml. A row of dsatrack has NAME.update.onnx too.
    Every installed backend must give the network's own maps, else nothing is written.

    Example:  uav-tracker export ps.safetensors --name ps_siamfcpp --out models --overwrite
    """
    summary_output = JsonOutput(json)
    console = Console(stderr=True)
    with OutputFolder(out, overwrite=overwrite) as output:
        summary = _export(weights, family, name, output.partial("."), console)
        output.publish()
    summary_output.write({"schema": 1, **summary})
    if not summary_output.to_stdout:
        row = {key: summary[key] for key in ("family", "params", "macs", "template_macs", "backends", "files")}
        print(yaml.safe_dump({name: row}, sort_keys=False, default_flow_style=None, width=1000), end="")


def _export(weights: Path, family: str, name: str, folder: Path, console: Console) -> dict[str, Any]:
    if family == "dsatrack":
        return _export_row(weights, name, folder, console)
    try:
        from uav_tracker_ros.backends import export as onnx_export
        from uav_tracker_ros.backends.shared_weights import share_weights
        from uav_tracker_ros.trackers.network_weights import write_weights
        from uav_tracker_ros.trackers.siamfcpp import graphs
        from uav_tracker_ros.training import networks, pruning
    except ImportError as error:
        raise BackendUnavailable(f"torch cannot be imported ({error}); export needs it; pip install torch") from error
    rounded = folder / f"{name}.safetensors"
    write_weights(networks.read_network(family, weights), rounded)
    network = networks.read_network(family, rounded)  # as rounded to fp16: every backend runs the same numbers
    search_px = SETTINGS[family].search_size
    flight = graphs.flight_graphs(network, search_px)
    files = onnx_export.write_onnx(flight, folder, name)
    data = folder / f"{name}.weights"
    share_weights(files, data)  # both graphs hold the trunk
    parity = _checked(network, flight, files, search_px, console)
    return {
        "name": name,
        "family": family,
        "params": pruning.parameters(network),
        "macs": pruning.track_macs(network, search_px),
        "template_macs": pruning.template_macs(network),
        "backends": ["torch", "onnxruntime", "openvino"],
        "files": [
            {"graph": graph, "name": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
            for graph, file in {**files, "data": data, "weights": rounded}.items()
        ],
        "parity": parity,
    }


def _export_row(weights: Path, name: str, folder: Path, console: Console) -> dict[str, Any]:
    try:
        from uav_tracker_ros.training.dsatrack_export import export_row
    except ImportError as error:
        raise BackendUnavailable(f"torch cannot be imported ({error}); export needs it; pip install torch") from error
    return export_row(weights, name, folder, lambda line: console.print(line, soft_wrap=True))


def _checked(
    network: Any, flight: dict[str, Any], files: dict[str, Path], search_px: int, console: Console
) -> dict[str, dict[str, float]]:
    """Each installed backend's distance from the network."""
    from uav_tracker_ros.backends import torch_backend
    from uav_tracker_ros.trackers.siamfcpp import parity

    measured = {}
    for name in ("torch", "onnxruntime", "openvino"):
        if not choice.installed(name):
            console.print(f"{name} is not installed: not checked", soft_wrap=True)
            continue
        backend = torch_backend.load(flight, 1) if name == "torch" else choice.load_onnx(name, files, 1)
        found = parity.measure(network, backend, search_px)
        console.print(
            f"{name}: probabilities {found.probability:.1e}, distances {found.distance:.2f} of what is accepted, "
            f"same cell {found.same_cell:.0%}",
            soft_wrap=True,
        )
        if not found.holds:
            raise ModelFileDamaged(
                f"{name} gives other maps than the network: probabilities differ by {found.probability:.1e}, distances "
                f"by {found.distance:.2g} times what is accepted, the best cell agrees in {found.same_cell:.0%}; "
                f"expected at most {parity.PROBABILITY:.0e}, 1 and 100 %; another version of {name} may help"
            )
        measured[name] = {**found._asdict()}
    return measured
