"""``uav-tracker track``: a tracker over a video, a folder of pictures or a camera."""

from __future__ import annotations

import csv
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from uav_tracker_ros.cli.first_box import drag_box, parse_box
from uav_tracker_ros.cli.folders import ModelsFolder, PeersFolder
from uav_tracker_ros.cli.output_folder import JsonOutput, OutputFolder
from uav_tracker_ros.errors import InputUnreadable
from uav_tracker_ros.evaluation.frame_source import FrameSource, open_source, read_boxes
from uav_tracker_ros.evaluation.metrics import Scores, score_sequence
from uav_tracker_ros.evaluation.overlay import draw_overlay
from uav_tracker_ros.evaluation.video_file import open_video
from uav_tracker_ros.geometry import Box, Image, TargetState
from uav_tracker_ros.trackers import registry
from uav_tracker_ros.trackers.lock import LockedTarget, TargetLock


@dataclass
class _Run:
    """What one pass gave: a row a frame, the selection's first."""

    targets: list[LockedTarget] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)  # of the update; NaN on the first frame


def track(
    source: Annotated[str, typer.Argument(help="A video, a folder of pictures, or a camera (0, /dev/video0).")],
    *,
    box: Annotated[
        str | None, typer.Option(help="First box in px; without it a window opens to drag one.", metavar="X,Y,W,H")
    ] = None,
    tracker: Annotated[str, typer.Option(help="A name of `uav-tracker models`.")] = registry.DEFAULT_TRACKER,
    backend: Annotated[str, typer.Option(help="auto, onnxruntime, openvino, tensorrt or torch.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="Of the network.", min=1, show_default="cores - 1, at most 4")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results; made if absent.")] = Path("out/track"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of the same name.")] = False,
    json: Annotated[
        str | None, typer.Option(help="Write a summary as JSON to a file, or - for standard output.", metavar="FILE|-")
    ] = None,
    peers: PeersFolder = None,
    models_dir: ModelsFolder = None,
    seed: Annotated[int, typer.Option(help="For trackers that draw random numbers.")] = 0,
) -> None:
    """Follow one box through a video, a folder of pictures or a camera.

    Writes NAME_TRACKER.mp4 (the video with the box drawn), .txt (x,y,w,h a frame) and .csv (with score,
    confidence, state and time). With true boxes beside the source (NAME.txt, or groundtruth.txt in the
    folder) it also says how well they agree. A camera is followed until Ctrl-C.

    Example:  uav-tracker track uav_car10.mp4 --box 318,139,23,19
    """
    cv2.setRNGSeed(seed)
    first_box = parse_box(box) if box is not None else None
    lock = TargetLock(
        registry.create(tracker, backend=backend, models_dir=models_dir, peers_dir=peers, threads=threads)
    )
    summary_output = JsonOutput(json)
    with closing(open_source(source)) as frames, OutputFolder(out, overwrite=overwrite) as output:
        truth = read_boxes(frames.truth_file) if frames.truth_file is not None else None
        name = f"{frames.name}_{tracker}"
        run = _follow(frames, lock, first_box, output.partial(f"{name}.mp4"), tracker, truth)
        _write_rows(run, output.partial(f"{name}.txt"), output.partial(f"{name}.csv"))
        scores = _score(run, truth, frames)
        published = output.publish()
    summary = _summary(tracker, source, run, scores, published)
    summary_output.write(summary)
    _report(summary, to=sys.stderr if summary_output.to_stdout else sys.stdout)


def _follow(frames: FrameSource, lock: TargetLock, box: Box | None, video: Path, tracker: str, truth: Any) -> _Run:
    """Every frame through the lock and into the overlay video."""
    run = _Run()
    writer = None
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(f"{tracker} on {frames.name}", total=frames.count)
            for number, image in enumerate(frames):
                run_frame(run, lock, image, box, frames.name)
                true_box = Box(*truth[number]) if truth is not None and number < len(truth) else None
                picture = _picture(image, run, true_box, number, tracker)
                if writer is None:
                    writer = open_video(video, frames.rate, picture)
                writer.write(picture)
                progress.advance(task)
    except KeyboardInterrupt:
        if not (frames.is_live and run.targets):  # a camera has no other end
            raise
    finally:
        if writer is not None:
            writer.release()
    if frames.count is not None and len(run.targets) < 0.9 * frames.count:
        raise InputUnreadable(
            f"{frames.name} ended after {len(run.targets)} of {frames.count} frames; "
            "expected a whole video; copy it again"
        )
    return run


def run_frame(run: _Run, lock: TargetLock, image: Image, box: Box | None, name: str) -> None:
    """Select on the first image, update on the others."""
    if not run.targets:
        taken = lock.select(image, box if box is not None else drag_box(image, name))
        run.targets.append(LockedTarget(taken, TargetState.TRACKING, 1, float("nan"), float("nan"), float("nan")))
        run.milliseconds.append(float("nan"))
        return
    start = time.perf_counter()
    run.targets.append(lock.update(image))
    run.milliseconds.append((time.perf_counter() - start) * 1e3)


def _picture(image: Image, run: _Run, true_box: Box | None, number: int, tracker: str) -> Any:
    target = run.targets[-1]
    lines = [f"frame {number}  lock {target.lock}", f"score {target.score:.2f}  similarity {target.similarity:.2f}"]
    return draw_overlay(
        image,
        box=target.box,
        state=target.state,
        confidence=target.confidence,
        true_box=true_box,
        lines=lines if number else lines[:1],
        headline=tracker,
    )


def _write_rows(run: _Run, boxes: Path, table: Path) -> None:
    boxes.write_text("".join(",".join(f"{part:.2f}" for part in target.box) + "\n" for target in run.targets))
    with table.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["frame", "x", "y", "w", "h", "state", "lock", "score", "confidence", "similarity", "ms"])
        for number, (target, spent) in enumerate(zip(run.targets, run.milliseconds, strict=True)):
            measured = [target.score, target.confidence, target.similarity, spent]
            texts = ["" if np.isnan(value) else f"{value:.4f}" for value in measured]
            box = [f"{part:.2f}" for part in target.box]
            rows.writerow([number, *box, target.state.name, target.lock, *texts])


def _score(run: _Run, truth: Any, frames: FrameSource) -> Scores | None:
    if truth is None:
        return None
    found = np.array([target.box for target in run.targets], np.float64)
    if len(truth) != len(found):
        Console(stderr=True).print(
            f"{frames.truth_file} has {len(truth)} boxes for {len(found)} frames: no score is given", style="yellow"
        )
        return None
    return score_sequence(found, truth) if np.isfinite(truth[1:]).all(axis=1).any() else None


def _summary(tracker: str, source: str, run: _Run, scores: Scores | None, published: list[Path]) -> dict[str, Any]:
    spent = np.array(run.milliseconds[1:])
    summary: dict[str, Any] = {
        "schema": 1,
        "tracker": tracker,
        "source": source,
        "frames": len(run.targets),
        "states": {state.name: count for state in TargetState if (count := sum(t.state is state for t in run.targets))},
        "locks": run.targets[-1].lock,
    }
    if len(spent):
        summary["update_ms"] = {f"p{part}": round(float(np.percentile(spent, part)), 2) for part in (50, 95)}
    if scores is not None:
        summary |= {"success_auc": scores.success_auc, "precision_20px": scores.precision_20px}
        summary["scored_frames"] = scores.frames
    return summary | {"files": [str(file) for file in published]}


def _report(summary: dict[str, Any], to: Any) -> None:
    states = ", ".join(f"{count} {state}" for state, count in summary["states"].items())
    print(f"{summary['tracker']}: {summary['frames']} frames ({states}), {summary['locks']} lock(s)", file=to)
    if "update_ms" in summary:
        print("update: p50 {p50} ms, p95 {p95} ms".format(**summary["update_ms"]), file=to)
    if "success_auc" in summary:
        print(
            f"success AUC {summary['success_auc']:.3f}, precision at 20 px {summary['precision_20px']:.3f} "
            f"over {summary['scored_frames']} frames",
            file=to,
        )
    print("wrote " + ", ".join(summary["files"]), file=to)
