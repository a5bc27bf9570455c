"""Every launch argument, once: the launch files declare these fields, the command line fills them.

``None`` or an empty string means "not given": the value then comes from the variant's files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uav_tracker_ros.errors import InvalidParameter, unknown_name
from uav_tracker_ros.following.settings import MODES, FollowSettings, setting

BACKENDS = ("auto", "torch", "onnxruntime", "openvino", "tensorrt")
LOG_LEVELS = ("debug", "info", "warn", "error")
SOURCE_KINDS = ("topic", "sim", "v4l2:DEVICE", "gst:PIPELINE", "video:FILE", "folder:FOLDER")
VEHICLE_DEFAULT = "udpin://0.0.0.0:14540"
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")


@dataclass(frozen=True)
class LaunchOptions:
    """What to start and with which settings; checked by :meth:`check`."""

    variant: str = setting("default", "a file config/VARIANT.yaml over config/base.yaml, or the name of a tracker")
    tracker: str = setting("", "name of a tracker (`uav-tracker models`); empty: the variant's")
    backend: str = setting("", "library that runs the network; empty: the variant's", choices=("", *BACKENDS))
    camera_source: str = setting(
        "topic", f"where images come from: {', '.join(SOURCE_KINDS)}; topic: another node publishes image_raw"
    )
    vehicle: str = setting(
        "", f"MAVSDK URL; empty: the stand-in autopilot with camera_source sim, else {VEHICLE_DEFAULT}"
    )
    camera_component: bool = setting(
        True, "ground stations see a MAVLink camera (component 100) and may select the target on its picture"
    )
    video_delay: float | None = setting(
        None,
        "from exposure to the ground station's screen: a selection there means the image of so long ago",
        unit="s",
        low=0,
        high=1.5,
    )
    namespace: str = setting("", "namespace of all nodes, one a vehicle")
    use_sim_time: bool = setting(False, "nodes take stamps from /clock; the control loop never does")
    log_level: str = setting("info", "least severe message that is shown", choices=LOG_LEVELS)
    rviz: bool = setting(False, "open rviz2 with rviz/follow.rviz")
    record: str = setting("mcap", "record the flight for replay and Foxglove", choices=("off", "mcap"))
    record_to: str = setting("", "folder of the records, or a file that ends in .mcap; empty: ~/.ros/flights")
    record_images: bool = setting(False, "record the images too, as JPEG, in a file of their own")
    # The follower's settings; None: the variant's. Units, ranges and meaning: FollowSettings.
    mode: str | None = None
    distance: float | None = None
    height: float | None = None
    offset_bearing_deg: float | None = None
    orbit_speed: float | None = None
    max_speed: float | None = None
    max_speed_z: float | None = None
    max_accel: float | None = None
    max_jerk: float | None = None
    max_yaw_rate_deg: float | None = None
    max_yaw_accel_deg: float | None = None
    min_altitude: float | None = None
    max_altitude: float | None = None
    fence_radius: float | None = None
    fence_polygon: str | None = None
    min_distance: float | None = None
    camera_pitch_deg: float | None = None
    camera_x: float | None = None
    camera_y: float | None = None
    camera_z: float | None = None
    time_offset: float | None = None
    ground_z: float | None = None
    gain: float | None = None
    reference_gain: float | None = None
    actuation_delay: float | None = None
    coast_full: float | None = None
    coast_max: float | None = None
    search_max: float | None = None
    reid_on: float | None = None
    reacquire_auto: bool | None = None
    allow_engage: bool | None = None
    allow_arm: bool | None = None
    dry_run: bool | None = None
    # Tracker and images.
    threads: int | None = setting(None, "threads of the tracker's network; empty: the variant's", low=0, high=64)
    models_dir: str = setting("", "folder with models.yaml and weights; empty: the package's")
    peers_dir: str = setting("", "folder with the peers' weights; empty: environment UAV_TRACKER_PEERS")
    image_transport: str = setting("", "how images travel; empty: the variant's", choices=("", "raw", "compressed"))
    image_qos: str = setting(
        "",
        "reliability of the image subscription; empty: the variant's",
        choices=("", "auto", "best_effort", "reliable"),
    )
    hfov_deg: float | None = setting(None, "horizontal field of view", unit="deg", low=10, high=150)
    image_width: int | None = setting(None, "width of the images", unit="px", low=32, high=7680)
    image_height: int | None = setting(None, "height of the images", unit="px", low=32, high=4320)
    rate_hz: float | None = setting(None, "images a second", unit="Hz", low=1, high=240)
    # Simulation.
    scenario: str = setting("sinusoid", "what the simulated target does")
    seed: int = setting(0, "seed of the simulation", low=0, high=2**31 - 1)
    wait_for_start: bool = setting(False, "the target stands still until the service simulation/start is called")
    response: str = setting("sih", "flight model of the stand-in", choices=("sih", "design"))
    stand_in_port: int = setting(14540, "UDP port between the stand-in and the gate", low=1024, high=65535)
    gate_socket: str = setting("", "path of the socket between controller and gate; empty: one a user and namespace")
    parts: tuple[str, ...] = setting(
        ("recorder", "camera", "simulator", "tracker", "controller", "gate"), "which rows of the table are started"
    )

    @property
    def stand_in(self) -> bool:
        """The simulated autopilot flies, not a vehicle at an URL."""
        return self.camera_source == "sim" and not self.vehicle

    @classmethod
    def from_strings(cls, given: Mapping[str, str], parts: Sequence[str] | None = None) -> LaunchOptions:
        """Options from launch arguments; an empty string means "not given".

        Args:
            given: name to value.
            parts: which rows of the table; None: all.

        Raises:
            UnknownName: an argument that does not exist.
            InvalidParameter: a value of the wrong kind.
        """
        values: dict[str, Any] = {} if parts is None else {"parts": tuple(parts)}
        for name, text in given.items():
            if name not in ARGUMENTS:
                raise unknown_name("launch argument", name, ARGUMENTS)
            if text:
                values[name] = _convert(name, ARGUMENTS[name].kind, text)
        return cls(**values)

    def check(self) -> None:
        """Every value inside its range.

        Raises:
            InvalidParameter: the message names the argument, the value and the range.
            UnknownName: a choice that does not exist.
        """
        for name, argument in ARGUMENTS.items():
            argument.check(name, getattr(self, name))
        if self.use_sim_time and self.vehicle.startswith("serial"):
            raise InvalidParameter(
                f"use_sim_time is true with vehicle '{self.vehicle}'; expected the real clock on a real vehicle, whose "
                "images would otherwise be placed by a simulation's time: leave it out"
            )
        kind, _, rest = self.camera_source.partition(":")
        known = {item.partition(":")[0]: bool(item.partition(":")[1]) for item in SOURCE_KINDS}
        if kind not in known or known[kind] != bool(rest):
            raise InvalidParameter(
                f"camera_source is '{self.camera_source}'; expected one of {', '.join(SOURCE_KINDS)}: choose one"
            )


@dataclass(frozen=True)
class Argument:
    """One launch argument as a user sees it."""

    kind: type
    default: str
    description: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def help(self) -> str:
        """Description with unit, range and default."""
        span = f"{self.low:g} to {self.high:g}" if self.low is not None and self.high is not None else ""
        facts = [fact for fact in (f"{span} {self.unit}".strip(), f"default: {self.default or 'empty'}") if fact]
        return f"{self.description} [{'; '.join(facts)}]"

    def check(self, name: str, value: object) -> None:
        """One value against choices and range."""
        if value is None:
            return
        if self.choices and value not in self.choices:
            raise unknown_name(name, str(value), [choice for choice in self.choices if choice])
        if self.low is None or self.high is None:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            raise InvalidParameter(
                f"{name} is {value} {self.unit}; expected {self.low:g} to {self.high:g}: choose a value inside"
            )


FOLLOW_NAMES = tuple(item.name for item in dataclasses.fields(FollowSettings))
_SETTINGS = {item.name: item for item in dataclasses.fields(FollowSettings)}
_KINDS = {
    "threads": int,
    "video_delay": float,
    "hfov_deg": float,
    "image_width": int,
    "image_height": int,
    "rate_hz": float,
}


def _argument(item: dataclasses.Field[Any]) -> Argument:
    shown = _SETTINGS.get(item.name, item)
    facts = shown.metadata
    kind = _KINDS.get(item.name) or type(shown.default)
    default = "" if item.default is None else str(item.default).lower() if kind is bool else str(item.default)
    choices = ("", *MODES) if item.name == "mode" else facts["choices"]
    description = facts["description"]
    if item.name in _SETTINGS:
        description += f"; empty: the variant's (base: {shown.default})"
    return Argument(kind, default, description, facts["unit"], facts["low"], facts["high"], choices)


ARGUMENTS: dict[str, Argument] = {
    item.name: _argument(item) for item in dataclasses.fields(LaunchOptions) if item.name != "parts"
}


def _convert(name: str, kind: type, text: str) -> object:
    if kind is bool:
        if text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        raise InvalidParameter(f"{name} is '{text}'; expected true or false")
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        raise InvalidParameter(f"{name} is '{text}'; expected {ARGUMENTS[name].help}") from None
