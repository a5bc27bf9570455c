"""ROS parameters as views of the settings' dataclasses.

Name, type, default, range, unit and meaning of a parameter stand in the dataclass alone (fields
made by ``following.settings.setting``); here they become descriptors, are read back, and guarded.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from uav_tracker_ros.errors import InvalidParameter, UavTrackerError, unknown_name

# One parameter file serves all nodes (top key /**), so each node meets the others' names.
GROUPS = ("follow", "tracker", "camera", "simulation", "gate", "ground_station", "record", "qos_overrides")
TOP_LEVEL = ("autostart", "use_sim_time", "image_transport", "image_qos")

T = TypeVar("T")


def declare(
    node: Node,
    prefix: str,
    kind: type[T],
    *,
    changeable: Collection[str] = (),
    on_change: Callable[[T], None] | None = None,
) -> T:
    """Declare every field of a settings dataclass and read the values back.

    Args:
        node: gets the parameters ``prefix.field``; an empty prefix: ``field``.
        prefix: one of :data:`GROUPS`, or empty.
        kind: the dataclass; its ``__post_init__`` is the judge of the values.
        changeable: fields that may be set while the node runs; all others are read-only.
        on_change: gets the new settings before a change is accepted; raises to refuse it.

    Raises:
        InvalidParameter: a value of the wrong type or outside its range.
        UnknownName: a value that is not among the field's choices.
    """
    dot = f"{prefix}." if prefix else ""
    items = {dot + item.name: item for item in _fields(kind)}
    for name, item in items.items():
        _declare_one(node, name, item, read_only=item.name not in changeable)
    _veto_invalid(node, kind, items, on_change)
    return _read(node, kind, items, {})


def check_overrides(node: Node) -> None:
    """Every name that a parameter file or the command line gave is known to this package.

    Call it after the last declaration.

    Raises:
        UnknownName: the message names the nearest known parameter.
    """
    # rclpy offers no public view of what was given but not declared.
    given: dict[str, Parameter] = node._parameter_overrides
    declared = set(node._parameters)
    own_groups = {name.partition(".")[0] for name in declared if "." in name}
    for name in given:
        group, dot, _leaf = name.partition(".")
        foreign = group in GROUPS and group not in own_groups if dot else name in TOP_LEVEL
        if name not in declared and not foreign and group != "qos_overrides":
            raise unknown_name("parameter", name, declared | set(TOP_LEVEL))


def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind)


def _declare_one(node: Node, name: str, item: dataclasses.Field[Any], *, read_only: bool) -> None:
    if node.has_parameter(name):
        return
    try:
        node.declare_parameter(name, item.default, descriptor(item, read_only=read_only))
    except InvalidParameterTypeException as error:
        raise InvalidParameter(_wrong_type(node, name, item)) from error
    except InvalidParameterValueException as error:
        raise InvalidParameter(_out_of_range(node, name, item)) from error


def descriptor(item: dataclasses.Field[Any], *, read_only: bool) -> ParameterDescriptor:
    """What ``ros2 param describe`` shows of a field."""
    facts = item.metadata
    unit = f" [{facts['unit']}]" if facts["unit"] else ""
    message = ParameterDescriptor(description=facts["description"] + unit, read_only=read_only)
    if facts["choices"]:
        message.additional_constraints = f"one of: {', '.join(facts['choices'])}"
    low, high = facts["low"], facts["high"]
    if low is None:
        return message
    if isinstance(item.default, int):
        message.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
    elif isinstance(item.default, float) and math.isnan(item.default):  # rclpy's range would refuse the default
        message.additional_constraints = f"{low:g} to {high:g}, or NaN"
    else:
        message.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]
    return message


def _veto_invalid(
    node: Node, kind: type[T], items: dict[str, dataclasses.Field[Any]], on_change: Callable[[T], None] | None
) -> None:
    def judge(changes: list[Parameter]) -> SetParametersResult:
        mine = {change.name: change.value for change in changes if change.name in items}
        if not mine:
            return SetParametersResult(successful=True)
        try:
            settings = _read(node, kind, items, mine)
            if on_change is not None:
                on_change(settings)
        except UavTrackerError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(judge)


def _read(node: Node, kind: type[T], items: dict[str, dataclasses.Field[Any]], changes: dict[str, Any]) -> T:
    values: dict[str, Any] = {}
    for name, item in items.items():
        value = values[item.name] = changes.get(name, node.get_parameter(name).value)
        choices = item.metadata["choices"]
        if choices and value not in choices:
            raise unknown_name(name, str(value), choices)
    return kind(**values)


def _wrong_type(node: Node, name: str, item: dataclasses.Field[Any]) -> str:
    value = node._parameter_overrides[name].value
    wanted = type(item.default).__name__
    advice = f"write {value}.0" if wanted == "float" and isinstance(value, int) else f"give a {wanted}"
    return f"{name} is {value!r}, of type {type(value).__name__}; expected {wanted}: {advice}"


def _out_of_range(node: Node, name: str, item: dataclasses.Field[Any]) -> str:
    value, facts = node._parameter_overrides[name].value, item.metadata
    return (
        f"{name} is {value} {facts['unit']}".rstrip()
        + f"; expected {facts['low']:g} to {facts['high']:g}: choose a value inside"
    )
