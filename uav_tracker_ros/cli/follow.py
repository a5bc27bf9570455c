"""``uav-tracker follow``: the whole loop, from the picture to the vehicle."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from uav_tracker_ros.cli import follow_table
from uav_tracker_ros.cli.first_box import parse_box
from uav_tracker_ros.cli.interrupt import Interrupt
from uav_tracker_ros.cli.live_status import LiveStatus
from uav_tracker_ros.cli.options import launch_arguments
from uav_tracker_ros.cli.output_folder import JsonOutput, OutputFolder
from uav_tracker_ros.cli.vehicle_url import check_vehicle
from uav_tracker_ros.errors import InvalidParameter, UavTrackerError
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes import processes
from uav_tracker_ros.nodes.launch_options import LaunchOptions
from uav_tracker_ros.nodes.variants import check_tracker, follow_settings, variant_layers
from uav_tracker_ros.simulation import scenarios
from uav_tracker_ros.vehicle.link_lock import free_port

if TYPE_CHECKING:
    from uav_tracker_ros.simulation.flight_record import FlightRecord

DEFAULT_OUT = Path("follow-out")  # this command's own: replaced by each run
SIMULATED_FIELD_M = 1000.0  # radius of the fence in the simulated world, where nothing stands in the way
SLOW_SHARE = 0.6  # of the images; a tracker that sees fewer loses what moves fast
RECORD = "flight.mcap"  # written in its final place: it is wanted most after a flight that failed
INTERRUPTED = "interrupted"
CANCELED = 100  # the end that this command asks for itself


@launch_arguments(omit=("rviz", "use_sim_time", "gate_socket", "wait_for_start", "record_to"))
def follow(
    *,
    scenario: Annotated[
        str,
        typer.Option(
            help="What the target does; with --direct also all, or several with commas: a table of bars. "
            + ", ".join(scenarios.names())
            + "."
        ),
    ] = "sinusoid",
    seconds: Annotated[
        float, typer.Option(help="How long to follow; a table has the scenarios' own.", min=1, max=3600)
    ] = 30.0,
    tracker: Annotated[str, typer.Option(help="A name of `uav-tracker models`; default: the variant's.")] = "",
    backend: Annotated[str, typer.Option(help="auto, onnxruntime, openvino, tensorrt or torch.")] = "",
    variant: Annotated[str, typer.Option(help="A preset of config/, or the name of a tracker.")] = "default",
    seed: Annotated[int, typer.Option(help="Of the simulation.", min=0)] = 0,
    seeds: Annotated[int, typer.Option(help="With --direct: so many seeds, from --seed on.", min=1, max=1000)] = 1,
    jobs: Annotated[int, typer.Option(help="Processes that fly a table; 0: one a core.", min=0, max=256)] = 0,
    latency_ms: Annotated[
        str,
        typer.Option(
            help="With --direct: image to follower, ms; default 150, for all scenarios 50,150,300.", metavar="MS,..."
        ),
    ] = "",
    response: Annotated[str, typer.Option(help="Simulated vehicle: sih (as PX4 was measured) or design.")] = "sih",
    vehicle: Annotated[
        str, typer.Option(help="MAVSDK URL of a vehicle or SITL; without it a stand-in for PX4 flies.", metavar="URL")
    ] = "",
    camera_source: Annotated[
        str, typer.Option(help="sim, topic, v4l2:DEVICE, gst:PIPELINE, video:FILE or folder:FOLDER.", metavar="SOURCE")
    ] = "sim",
    box: Annotated[
        str | None, typer.Option(help="What to follow, px; needed unless the camera is simulated.", metavar="X,Y,W,H")
    ] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="The same code without ROS and sockets, faster than real time.")
    ] = False,
    true_boxes: Annotated[
        bool, typer.Option("--true-boxes", help="With --direct: no tracker, the true boxes with noise.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; default: follow-out, replaced by each run.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results in an existing --out.")] = False,
    faults: Annotated[
        str,
        typer.Option(help="Instead: break flights and measure the reactions; all, or names.", metavar="all|NAME,..."),
    ] = "",
    json: Annotated[
        str | None,
        typer.Option(help="Write the numbers as JSON to a file, or - for standard output.", metavar="FILE|-"),
    ] = None,
    launch: dict[str, Any],
) -> None:
    """Follow a target: by default in a simulated world, with a stand-in for PX4.

    Starts everything, points at the target, engages, follows, and ends with the vehicle in Hold; so does Ctrl-C.

    Writes follow.mp4, follow.png, follow.csv and the logs of the processes.

    Example:  uav-tracker follow --scenario circle --seconds 60 --max-speed 5
    """
    if faults:
        from uav_tracker_ros.cli.faults import run_faults

        run_faults(faults, JsonOutput(json))
        return
    latencies = follow_table.parse_latencies(latency_ms or ("50,150,300" if scenario == follow_table.ALL else "150"))
    if follow_table.is_table(scenario, latencies, seeds):
        if not direct:
            raise InvalidParameter("many flights were asked for without --direct; they are stepped: add --direct")
        request = follow_table.TableRequest(
            scenario,
            latencies,
            tuple(range(seed, seed + seeds)),
            jobs or follow_table.default_jobs(),
            "" if true_boxes else tracker,
        )
        options = LaunchOptions(**launch, variant=variant, backend=backend, response=response, tracker=tracker)
        _fly_table(request, options, JsonOutput(json), OutputFolder(out or DEFAULT_OUT, overwrite=overwrite or not out))
        return
    options = _options(
        launch,
        scenario=scenario,
        tracker=tracker,
        backend=backend,
        variant=variant,
        seed=seed,
        response=response,
        vehicle=vehicle,
        camera_source=camera_source,
    )
    processes.process_table(options)
    settings = follow_settings(options, variant_layers(options))
    document = JsonOutput(json)
    status = LiveStatus(Console(stderr=True))
    name, why = _tracker(options, chosen=bool(tracker))
    if true_boxes and not direct:
        raise InvalidParameter("--true-boxes was given without --direct; a running tracker cannot be left out: add it")
    if options.camera_source != "sim" and box is None:
        raise InvalidParameter("--box was not given; a real picture has no true box: give --box X,Y,W,H")
    if direct and not options.stand_in:
        raise InvalidParameter(
            "--direct was given with --vehicle or --camera-source; it flies the simulation: drop one"
        )
    first_box = parse_box(box) if box is not None else None
    if not direct:
        check_vehicle(processes.gate_url(options))
    with OutputFolder(out or DEFAULT_OUT, overwrite=overwrite or out is None) as output:
        status.say("true boxes instead of a tracker" if true_boxes else f"tracker {name}: {why}")
        options = dataclasses.replace(options, record_to=str(output.path.resolve() / RECORD))
        if direct:
            chosen = "" if true_boxes else name
            run = _fly_direct(options, settings, output, seconds=seconds, tracker=chosen, latency_s=latencies[0])
        else:
            run = _fly_over_topics(options, settings, output, status, seconds=seconds, tracker=name, box=first_box)
        complete, reason = run.pop("complete"), run.pop("reason")
        published = [path for path in (*output.publish(), output.path / RECORD) if path.is_file()]
    document.write({"schema": 1, "runs": [run]})
    _say(run, published, to=sys.stderr if document.to_stdout else sys.stdout)
    if reason == INTERRUPTED:
        raise KeyboardInterrupt
    if not complete:
        raise UavTrackerError(f"the flight ended early: {reason}")


def _fly_table(
    request: follow_table.TableRequest, options: LaunchOptions, document: JsonOutput, folder: OutputFolder
) -> None:
    """A table misses bars, it does not fail: the exit code tells that it was flown."""
    status = LiveStatus(Console(stderr=True))
    with folder as output:
        status.say(f"tracker {request.tracker} on pictures" if request.tracker else "true boxes instead of a tracker")
        runs, rows = follow_table.fly_table(request, options, output, status)
        published = output.publish()
    document.write({"schema": 1, "runs": runs, "table": follow_table.plain(rows)})
    to = sys.stderr if document.to_stdout else sys.stdout
    for line in follow_table.lines(rows):
        print(line, file=to)
    print("wrote " + ", ".join(str(path) for path in published), file=to)


def _options(launch: dict[str, Any], **given: Any) -> LaunchOptions:
    """Launch options with this command's defaults, which are the simulation's."""
    options = LaunchOptions(**launch, **given)
    defaults: dict[str, Any] = {"mode": "follow"}
    if options.camera_source == "sim":
        scene = scenarios.get(options.scenario)
        defaults |= {"distance": scene.start_distance, "height": scene.start_height}
    if options.stand_in:
        defaults |= {"allow_engage": True, "allow_arm": True}
        if "stand_in_port" not in launch:  # two flights on one machine, or beside a PX4
            options = dataclasses.replace(options, stand_in_port=free_port(options.stand_in_port))
        if options.scenario != "fence":
            defaults["fence_radius"] = SIMULATED_FIELD_M
    missing = {name: value for name, value in defaults.items() if getattr(options, name) is None}
    # A socket of its own: two flights on one machine must not meet.
    socket = str(Path(tempfile.gettempdir()) / f"uav_tracker_ros-{os.getpid()}.sock")
    return dataclasses.replace(options, **missing, wait_for_start=True, gate_socket=socket)


def _tracker(options: LaunchOptions, *, chosen: bool) -> tuple[str, str]:
    """Its name, and why it is this one.

    Raises:
        UnknownName: nobody registered it.
        ModelFileMissing: its weights are not here.
    """
    from uav_tracker_ros.trackers import registry

    name = check_tracker(options, variant_layers(options))
    if chosen:
        return name, "as asked"
    if name == registry.DEFAULT_TRACKER:
        return name, "the default: of the trackers that ship it follows best"
    return name, f"as variant {options.variant} says"


def _fly_direct(
    options: LaunchOptions,
    settings: FollowSettings,
    output: OutputFolder,
    *,
    seconds: float,
    tracker: str,
    latency_s: float,
) -> dict[str, Any]:
    from uav_tracker_ros.cli.direct_record import DirectRecord
    from uav_tracker_ros.simulation.closed_loop import fly

    if not options.stand_in:
        raise InvalidParameter(
            "--direct was given with --vehicle or --camera-source; it flies the simulation: drop one"
        )
    with DirectRecord(output.path / RECORD, wanted=options.record != "off") as journal:
        record = fly(
            options.scenario,
            tracker=tracker or None,
            seed=options.seed,
            seconds=seconds,
            settings=settings,
            response=options.response,
            latency_s=latency_s,
            true_boxes=not tracker,
            journal=journal,
        )
    run = _write(record, settings, output)
    ended = record.end_code != 0
    return {**run, "complete": not ended, "reason": f"{record.end_code.name}, {record.end_message}"}


def _fly_over_topics(
    options: LaunchOptions,
    settings: FollowSettings,
    output: OutputFolder,
    status: LiveStatus,
    *,
    seconds: float,
    tracker: str,
    box: Any,
) -> dict[str, Any]:
    from uav_tracker_ros.cli.flight_assembly import FlightFacts, assemble, rates
    from uav_tracker_ros.cli.follow_session import FlightPlan, FollowSession
    from uav_tracker_ros.cli.follow_video import FollowVideo

    simulated = options.camera_source == "sim"
    target_class = scenarios.get(options.scenario).target_class if simulated else ""
    plan = FlightPlan(options, seconds, box, target_class, settings.dry_run)
    log_dir = output.path / "log"
    shutil.rmtree(log_dir, ignore_errors=True)  # of the last run
    with Interrupt() as interrupt, FollowVideo(output.partial("follow.mp4")) as video, status:
        session = FollowSession(plan, status=status, video=video, log_dir=log_dir, interrupt=interrupt)
        result = session.fly()
    facts = FlightFacts(options.scenario, options.seed, tracker, options.response, settings, *result.end)
    record = assemble(result.log, facts)
    run = _write(record, settings, output)
    run |= rates(result.log)
    run["processes"] = [
        {"name": load.name, "cpu_share": round(load.cpu_share, 3), "rss_mb": round(load.rss_mb)}
        for load in result.loads
    ]
    if math.isfinite(result.start_s):
        run["start_s"] = round(result.start_s, 2)
    if run.get("tracked_hz", math.inf) < SLOW_SHARE * run.get("image_hz", 0.0):
        status.say(
            f"only {run['tracked_hz']:.0f} of {run['image_hz']:.0f} images a second were tracked: this machine "
            "is busy, or too slow for this tracker; try --tracker kcf"
        )
    reason = INTERRUPTED if interrupt.asked else f"{result.end.code.name}, {result.end.message}"
    return {**run, "complete": result.complete and result.end.code == CANCELED, "reason": reason}


def _write(record: FlightRecord, settings: FollowSettings, output: OutputFolder) -> dict[str, Any]:
    from uav_tracker_ros.cli import follow_report

    follow_report.write_figure(record, output.partial("follow.png"))
    follow_report.write_csv(record, output.partial("follow.csv"))
    return follow_report.measure(record, settings)


def _say(run: dict[str, Any], published: list[Path], to: Any) -> None:
    from uav_tracker_ros.cli.follow_report import summary

    for line in summary(run):
        print(line, file=to)
    print("wrote " + ", ".join(str(path) for path in published), file=to)
