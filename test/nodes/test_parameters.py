"""Settings as ROS parameters: declared from the dataclass, judged by it, read-only unless said."""

from __future__ import annotations

import dataclasses

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from uav_tracker_ros.errors import InvalidParameter, UnknownName
from uav_tracker_ros.following.settings import FollowSettings
from uav_tracker_ros.nodes.camera_settings import CameraSettings
from uav_tracker_ros.nodes.image_settings import ImageSettings
from uav_tracker_ros.nodes.parameters import check_overrides, declare, descriptor
from uav_tracker_ros.nodes.simulator_node import SimulationSettings
from uav_tracker_ros.nodes.tracker_settings import TrackerSettings
from uav_tracker_ros.nodes.variants import config_directory, read_parameters, variant_names

GROUPS = {
    "follow": FollowSettings,
    "tracker": TrackerSettings,
    "camera": CameraSettings,
    "simulation": SimulationSettings,
    "": ImageSettings,
}


@pytest.fixture
def make_node(ros_environment, monkeypatch):
    """A plain node with parameters as from the command line."""
    monkeypatch.setenv("ROS_DOMAIN_ID", ros_environment["ROS_DOMAIN_ID"])
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init()
    nodes = []

    def make(**given) -> Node:
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in given.items()]
        nodes.append(Node("judged", parameter_overrides=overrides, start_parameter_services=False))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


@pytest.mark.parametrize("prefix", GROUPS)
def test_every_field_is_declared_with_its_default_and_meaning(make_node, prefix):
    kind = GROUPS[prefix]
    node = make_node()
    settings = declare(node, prefix, kind)
    for item in dataclasses.fields(kind):
        name = f"{prefix}.{item.name}" if prefix else item.name
        assert node.get_parameter(name).value == item.default or item.default != item.default
        shown = node.describe_parameter(name)
        assert shown.description.startswith(item.metadata["description"])
        assert shown.read_only
    assert dataclasses.asdict(settings).keys() == {item.name for item in dataclasses.fields(kind)}


def test_ranges_and_choices_are_shown():
    fields = {item.name: item for item in dataclasses.fields(FollowSettings)}
    (span,) = descriptor(fields["distance"], read_only=True).floating_point_range
    assert (span.from_value, span.to_value) == (4.0, 60.0)
    assert descriptor(fields["distance"], read_only=True).description.endswith("[m]")
    assert "hold_offset" in descriptor(fields["mode"], read_only=True).additional_constraints


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"follow__distance": 99.0}, "follow.distance is 99.0 m; expected 4 to 60"),
        ({"follow__distance": 12}, "follow.distance is 12, of type int; expected float: write 12.0"),
        ({"follow__mode": "spotlite"}, "unknown follow.mode 'spotlite'; did you mean 'spotlight'"),
        ({"follow__min_altitude": 20.0, "follow__max_altitude": 10.0}, "min_altitude 20.0 m is not below"),
        ({"follow__offset_bearing_deg": 400.0}, "offset_bearing_deg is 400.0"),
        ({"follow__allow_arm": "yes"}, "of type str; expected bool"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_value_names_value_and_range(make_node, given, says):
    with pytest.raises((InvalidParameter, UnknownName), match=says):
        declare(make_node(**given), "follow", FollowSettings)


def test_an_unknown_name_in_a_group_names_the_nearest(make_node):
    node = make_node(follow__distanse=8.0)
    declare(node, "follow", FollowSettings)
    with pytest.raises(UnknownName, match=r"'follow\.distanse'; did you mean 'follow\.distance'"):
        check_overrides(node)


@pytest.mark.parametrize("name", ["folow__distance", "image_qoz"])
def test_an_unknown_group_is_refused(make_node, name):
    node = make_node(**{name: 8.0})
    declare(node, "follow", FollowSettings)
    with pytest.raises(UnknownName, match="unknown parameter"):
        check_overrides(node)


def test_the_other_nodes_groups_are_left_alone(make_node):
    node = make_node(tracker__name="csrt", camera__whatever=1.0, image_qos="auto", follow__distance=8.0)
    assert declare(node, "follow", FollowSettings).distance == 8.0
    check_overrides(node)


def test_a_change_is_judged_by_the_dataclass_and_may_be_vetoed(make_node):
    node, seen = make_node(follow__min_altitude=10.0), []

    def lower_only(settings: FollowSettings) -> None:
        if settings.max_speed > 6.0:
            raise InvalidParameter(f"max_speed {settings.max_speed} is above the gate's 6.0; start with a higher one")
        seen.append(settings.max_speed)

    declare(node, "follow", FollowSettings, changeable=("max_speed", "max_altitude"), on_change=lower_only)

    def ask(name: str, value: float):
        return node.set_parameters([Parameter(name, value=value)])[0]

    assert ask("follow.max_speed", 3.0).successful
    assert seen == [3.0]
    assert "above the gate's" in ask("follow.max_speed", 7.0).reason
    assert "min_altitude 10.0 m is not below" in ask("follow.max_altitude", 8.0).reason
    assert "read-only" in ask("follow.distance", 8.0).reason
    assert node.get_parameter("follow.max_speed").value == 3.0


def test_base_yaml_says_the_defaults():
    for name, value in read_parameters(config_directory() / "base.yaml").items():
        group, dot, leaf = name.rpartition(".")
        fields = {item.name: item.default for item in dataclasses.fields(GROUPS[group if dot else ""])}
        assert fields[leaf] == value, name
        assert type(fields[leaf]) is type(value), name


@pytest.mark.parametrize("variant", variant_names())
def test_every_value_of_a_variant_is_accepted(make_node, variant):
    path = config_directory() / f"{variant}.yaml"
    given = {name.replace(".", "__"): value for name, value in read_parameters(path).items()}
    node = make_node(**given)
    for prefix, kind in GROUPS.items():
        declare(node, prefix, kind)
    check_overrides(node)
