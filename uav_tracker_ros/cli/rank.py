"""``uav-tracker rank``: how much each block of a dsatrack row contributes, and the row without the least."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from uav_tracker_ros.cli.output_folder import JsonOutput, OutputFolder
from uav_tracker_ros.errors import BackendUnavailable, InvalidParameter


def rank(
    weights: Annotated[Path, typer.Argument(help="Trained weights of a row of 12 blocks, .safetensors.")],
    *,
    data: Annotated[list[Path], typer.Option(help="Folder with training clips; may be given again.", metavar="DIR")],
    semantic: Annotated[str, typer.Option(help="Share of semantic-aware blocks to drop.", metavar="SHARE")] = "2/3",
    plain: Annotated[str, typer.Option(help="Share of the other blocks to drop.", metavar="SHARE")] = "3/9",
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Drop the first blocks of each kind instead, for comparison.")
    ] = False,
    every: Annotated[int, typer.Option(help="Every n-th frame of a clip is measured.", min=1)] = 10,
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")] = Path("out/rank"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of the same name.")] = False,
    json: Annotated[
        str | None, typer.Option(help="Write a summary as JSON to a file, or - for standard output.", metavar="FILE|-")
    ] = None,
) -> None:
    """Measure what each block of dsatrack changes, and drop those that change least. Needs torch.

    Writes contributions.csv, and ROW_dN.safetensors with the N blocks that stay, to be trained on.

    Example:  uav-tracker rank dsatrack_vit_b.safetensors --data train --semantic 2/3 --plain 3/9
    """
    summary_output = JsonOutput(json)
    ratios = _share("--semantic", semantic), _share("--plain", plain)
    try:
        from uav_tracker_ros.trackers.network_weights import write_weights
        from uav_tracker_ros.training import dsatrack_pruning as pruning
        from uav_tracker_ros.training.dsatrack_weights import read_row
        from uav_tracker_ros.training.scenes import pictures
    except ImportError as error:
        raise BackendUnavailable(f"torch cannot be imported ({error}); ranking needs it; pip install torch") from error
    console = Console(stderr=True)
    with OutputFolder(out, overwrite=overwrite) as output:
        network = read_row(weights)
        clips = [clip for clip in pictures.load(data).clips if not clip.loose]
        shown = track(clips, "clips", console=console, disable=not console.is_terminal, transient=True)
        measured = pruning.contributions(
            network,
            (
                example
                for clip in shown
                for example in pruning.examples_of(
                    lambda number, clip=clip: pictures.decode(clip.frames[number]),  # type: ignore[misc]
                    clip.boxes,
                    every,
                )
            ),
        )
        if sequential:
            layers = pruning.kept_in_sequence(network.row, *ratios)
        else:
            layers = pruning.kept_by_contribution(measured, network.row, *ratios)
        name = f"{network.row.name}_d{len(layers)}"
        write_weights(pruning.prune(network, layers, name), output.partial(f"{name}.safetensors"))
        _write_table(output.partial("contributions.csv"), measured, layers, pruning.semantic_layers(network.row))
        output.publish()
    summary: dict[str, Any] = {
        "row": network.row.name,
        "contributions": {str(layer): value for layer, value in measured.items()},
        "kept": list(layers),
        "file": f"{name}.safetensors",
    }
    summary_output.write({"schema": 1, **summary})
    if not summary_output.to_stdout:
        for layer, value in measured.items():
            print(f"layer {layer:>2}  {value:.4f}  {'' if layer in layers else 'dropped'}".rstrip())
        print(f"{name}: layers {', '.join(map(str, layers))}; weights and contributions.csv are in {out}")


def _share(option: str, text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise InvalidParameter(f"{option} is '{text}'; expected a share like 2/3 or 0.5; correct it") from None


def _write_table(file: Path, measured: dict[int, float], layers: tuple[int, ...], semantic: tuple[int, ...]) -> None:
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["layer", "kind", "contribution", "kept"])
        for layer, value in measured.items():
            rows.writerow([layer, "semantic" if layer in semantic else "plain", f"{value:.6f}", int(layer in layers)])
