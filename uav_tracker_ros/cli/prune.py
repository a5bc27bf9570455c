"""``uav-tracker prune``: remove the filters that say least from a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from uav_tracker_ros.cli.output_folder import JsonOutput, OutputFolder
from uav_tracker_ros.errors import BackendUnavailable


def prune(
    weights: Annotated[Path, typer.Argument(help="Trained weights of the full network, .safetensors.")],
    *,
    data: Annotated[list[Path], typer.Option(help="Folder of training pictures; may be given again.", metavar="DIR")],
    family: Annotated[str, typer.Option(help="siamfcpp or siamcar.")] = "siamfcpp",
    rho: Annotated[
        list[float] | None,
        typer.Option(
            help="Share of filters to remove (default 0.4); given several times: one network each.", metavar="SHARE"
        ),
    ] = None,
    criterion: Annotated[str, typer.Option(help="rank (with a tolerance) or hrank (fp32's own).")] = "rank",
    tied: Annotated[
        bool, typer.Option("--tied", help="Also prune the layers that the paper leaves alone (siamfcpp).")
    ] = False,
    crops: Annotated[int, typer.Option(help="Search crops that ranks are averaged over.")] = 500,
    seed: Annotated[int, typer.Option(help="Of the choice of crops.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")] = Path("out/prune"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of the same name.")] = False,
    json: Annotated[
        str | None, typer.Option(help="Write a summary as JSON to a file, or - for standard output.", metavar="FILE|-")
    ] = None,
) -> None:
    """Remove filters of low rank; what stays keeps its weights exactly. Needs torch.

    Writes p_FAMILY_RHO.safetensors for each share, to be fine-tuned, and ranks.csv with every filter's figures.

    Example:  uav-tracker prune siamfcpp.safetensors --data train --rho 0.3 --rho 0.4
    """
    summary_output = JsonOutput(json)
    try:
        from uav_tracker_ros.training.pruning_run import PruneSettings
        from uav_tracker_ros.training.pruning_run import prune as run
    except ImportError as error:
        raise BackendUnavailable(f"torch cannot be imported ({error}); pruning needs it; pip install torch") from error
    settings = PruneSettings(family, tuple(rho or (0.4,)), criterion, tied, crops, seed)  # type: ignore[arg-type]
    console = Console(stderr=True)
    with OutputFolder(out, overwrite=overwrite) as output:
        with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("ranks", total=crops)
            report = run(weights, data, output.partial("."), settings, lambda: progress.advance(task))
        output.publish()
    for layer in report.by_stable_rank:
        console.print(f"{layer}: nearly all filters have the highest rank; their stable rank decided", soft_wrap=True)
    rows = [row._asdict() for row in report.rows]
    summary_output.write(
        {
            "schema": 1,
            "weights_sha256": report.weights_sha256,
            "family": family,
            "criterion": criterion,
            "tied": tied,
            "crops": crops,
            "seed": seed,
            "by_stable_rank": report.by_stable_rank,
            "networks": rows,
        }
    )
    if not summary_output.to_stdout:
        _print(rows, out)


def _print(rows: list[dict[str, Any]], out: Path) -> None:
    print(f"{'rho':>5} {'parameters':>12} {'share':>7} {'GMACs':>7} {'share':>7}")
    for row in rows:
        print(
            f"{row['rho']:>5g} {row['params']:>12,} {row['share']:>7.2%} {row['macs'] / 1e9:>7.3f} "
            f"{row['macs_share']:>7.2%}"
        )
    print(f"weights and ranks.csv are in {out}")
