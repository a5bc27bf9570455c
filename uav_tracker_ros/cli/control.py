"""``uav-tracker control``: the operator's hand on a follower that runs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uav_tracker_ros.cli.first_box import parse_box
from uav_tracker_ros.cli.output_folder import JsonOutput
from uav_tracker_ros.errors import InvalidBox, InvalidParameter, UavTrackerError
from uav_tracker_ros.following.report import FollowPhase, Goal

if TYPE_CHECKING:
    from uav_tracker_ros.nodes.client import FollowerClient

START_TIMEOUT_S = 10.0
ENGAGE_TIMEOUT_S = 15.0
NUMBERS = (
    "distance", "wanted_distance", "bearing", "height", "latency", "target_age", "telemetry_age", "setpoint_age", "nis",
)  # fmt: skip

app = typer.Typer(help="A running follower: status, preflight, select, engage, attend, stop, reset-takeover.")

Domain = Annotated[int | None, typer.Option(help="ROS domain of the follower; default: ROS_DOMAIN_ID.", min=0, max=232)]
Namespace = Annotated[str, typer.Option(help="Namespace of the vehicle.")]
Json = Annotated[
    str | None, typer.Option(help="Write the answer as JSON to a file, or - for standard output.", metavar="FILE|-")
]


@app.command()
def status(domain: Domain = None, namespace: Namespace = "", json: Json = None) -> None:
    """What the follower does now.

    Example:  uav-tracker control status --json -
    """
    document = JsonOutput(json)
    with _client(domain, namespace) as client:
        state = _state(client)
    document.write({"schema": 1, "state": state})
    if not document.to_stdout:
        _show(state)


@app.command()
def preflight(domain: Domain = None, namespace: Namespace = "", json: Json = None) -> None:
    """What stands against engaging; exit code 0 when nothing does.

    Example:  uav-tracker control preflight
    """
    document = JsonOutput(json)
    with _client(domain, namespace) as client:
        state = _state(client)
    document.write({"schema": 1, "ready": not state["blockers"], "state": state})
    if not document.to_stdout:
        _show(state)
    if state["blockers"]:
        raise UavTrackerError(f"not ready: {'; '.join(state['blockers'])}; docs/safety.md says what to do")


@app.command()
def select(
    box: Annotated[str | None, typer.Option(help="On the image, px.", metavar="X,Y,W,H")] = None,
    point: Annotated[
        str | None, typer.Option(help="On the image, px; a box of a usual size grows around it.", metavar="X,Y")
    ] = None,
    stamp: Annotated[
        str | None,
        typer.Option(help="Of the image that was seen, ROS time; default: the newest image.", metavar="SEC.NANOSEC"),
    ] = None,
    target_class: Annotated[str, typer.Option(help="person, car, motorcycle or empty.")] = "",
    domain: Domain = None,
    namespace: Namespace = "",
) -> None:
    """Tell the tracker what to follow. Nothing moves.

    Images of the last 2 s are kept: with the stamp of the one that was seen, the box means that one.

    Example:  uav-tracker control select --box 300,180,24,70 --target-class person
    """
    if (box is None) == (point is None):
        raise InvalidBox("expected one of --box X,Y,W,H and --point X,Y: give one of them")
    wanted = parse_box(box) if box is not None else parse_box(f"{point},0,0")
    seen = None if stamp is None else _nanoseconds(stamp)
    with _client(domain, namespace) as client:
        from uav_tracker_ros.nodes.conversions import stamp_from_nanoseconds

        selection = client.select(wanted, None if seen is None else stamp_from_nanoseconds(seen), target_class)
    if not selection.accepted:
        raise InvalidBox(f"the tracker refused: {selection.message}")
    print("selected " + ", ".join(f"{part:.0f}" for part in selection.box) + f" (target {selection.target_id})")


@app.command()
def engage(
    mode: Annotated[str, typer.Option(help="spotlight, follow or hold_offset; default: the follower's.")] = "",
    distance: Annotated[float, typer.Option(help="m; 0: the follower's.", min=0)] = 0.0,
    height: Annotated[float, typer.Option(help="m; 0: the follower's.", min=0)] = 0.0,
    bearing_deg: Annotated[
        float, typer.Option(help="From target to vehicle, hold_offset; default: as now.", show_default=False)
    ] = math.nan,
    timeout: Annotated[float, typer.Option(help="s; 0: none.", min=0)] = 0.0,
    domain: Domain = None,
    namespace: Namespace = "",
) -> None:
    """Fly after the selected target; returns when following has begun. Ctrl-C before that cancels.

    Example:  uav-tracker control engage --mode spotlight --timeout 60
    """
    goal = Goal(mode, distance or math.nan, height or math.nan, math.radians(bearing_deg), timeout)
    with _client(domain, namespace) as client:
        client.wait_ready(START_TIMEOUT_S, image=False)
        end = client.follow(goal)
        try:
            client.wait_for(lambda it: end.done() or it.phase is FollowPhase.FOLLOWING, ENGAGE_TIMEOUT_S)
        except KeyboardInterrupt:
            client.cancel()
            client.wait_for(lambda _client: end.done(), ENGAGE_TIMEOUT_S)
            raise
        if end.done():
            code, words = end.result()
            raise UavTrackerError(f"not engaged: {code.name}, {words}")
        if client.phase is not FollowPhase.FOLLOWING:
            client.cancel()
            raise UavTrackerError(
                f"not following after {ENGAGE_TIMEOUT_S:.0f} s; expected sooner: the goal is cancelled"
            )
    print("following; `uav-tracker control stop` ends it")


@app.command()
def stop(domain: Domain = None, namespace: Namespace = "") -> None:
    """Brake and hold, now.

    Example:  uav-tracker control stop
    """
    with _client(domain, namespace) as client:
        print(client.stop() or "stopped")


@app.command()
def attend(domain: Domain = None, namespace: Namespace = "") -> None:
    """Show the state as it changes; any key brakes and holds, q leaves.

    Example:  uav-tracker control attend
    """
    from rich.console import Console

    from uav_tracker_ros.cli import attend as screen
    from uav_tracker_ros.cli.live_status import LiveStatus

    with screen.keys() as key, _client(domain, namespace) as client:
        _state(client)
        with LiveStatus(Console(stderr=True)) as status:
            status.say("any key brakes and holds, q leaves")
            screen.attend(client, key, status)


@app.command("reset-takeover")
def reset_takeover(domain: Domain = None, namespace: Namespace = "") -> None:
    """Allow engaging again after a pilot has taken over. Ask the pilot first.

    Example:  uav-tracker control reset-takeover
    """
    with _client(domain, namespace) as client:
        if why := client.reset_takeover():
            raise UavTrackerError(f"not reset: {why}")
    print("reset")


def _nanoseconds(text: str) -> int:
    """A ROS time as ``ros2 topic echo`` shows its parts, "SEC.NANOSEC"; exact, as a float is not.

    Raises:
        InvalidParameter: it is none.
    """
    seconds, _, rest = text.partition(".")
    if not (seconds.isdecimal() and (not rest or rest.isdecimal()) and len(rest) <= 9):
        raise InvalidParameter(f"--stamp is '{text}'; expected SEC.NANOSEC, as 1712.033000000: copy the image's stamp")
    return int(seconds) * 1_000_000_000 + int(rest.ljust(9, "0"))


@contextmanager
def _client(domain: int | None, namespace: str) -> Iterator[FollowerClient]:
    from uav_tracker_ros.nodes.client import FollowerClient
    from uav_tracker_ros.nodes.runner import ros_environment

    os.environ.update(ros_environment(os.environ))  # the same transports as the nodes'
    with FollowerClient(namespace, domain_id=domain, topics=("state", "target")) as client:
        yield client


def _state(client: FollowerClient) -> dict[str, Any]:
    """The newest FollowState as plain values; what is not known is absent.

    Raises:
        UavTrackerError: no follower is heard.
    """
    if not client.wait_for(lambda it: it.state is not None, START_TIMEOUT_S):
        raise UavTrackerError(
            f"no follower is heard for {START_TIMEOUT_S:.0f} s; expected one in this ROS domain: "
            "start it, or give its --domain and --namespace"
        )
    # The latched message may be old; a living follower speaks ten times a second.
    heard, deadline = client.state, time.monotonic() + 1.0
    while client.state is heard and time.monotonic() < deadline:
        time.sleep(0.02)
    message: Any = client.state
    state: dict[str, Any] = {
        "state": FollowPhase(message.state).name,
        "mode": message.mode,
        "vehicle_mode": message.vehicle_mode,
        "blockers": list(message.blockers),
        "warnings": list(message.warnings),
    }
    numbers = {name: float(getattr(message, name)) for name in NUMBERS}
    return state | {name: value for name, value in numbers.items() if math.isfinite(value)}


def _show(state: dict[str, Any]) -> None:
    for name, value in state.items():
        texts = value if isinstance(value, list) else [f"{value:.2f}" if isinstance(value, float) else str(value)]
        for text in texts:
            print(f"{name.removesuffix('s') if isinstance(value, list) else name:16}{text}")
