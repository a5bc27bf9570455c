"""The text of a message type as MCAP wants it: its .msg file and those of all types inside."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from uav_tracker_ros.errors import InputUnreadable

PRIMITIVES = frozenset(
    (
        *("bool", "byte", "char", "float32", "float64", "string", "wstring"),
        *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    )
)
RULE = "=" * 80


def message_definition(kind: str, folders: Iterable[Path] | None = None) -> str:
    """The definition of a type with everything that it uses.

    Args:
        kind: package/msg/Name.
        folders: prefixes with ``share/PACKAGE/msg/NAME.msg``; None: those of the ROS environment.

    Raises:
        InputUnreadable: a .msg file is not installed.
    """
    places = list(folders) if folders is not None else _prefixes()
    texts: dict[str, str] = {}
    waiting = [kind]
    while waiting:
        name = waiting.pop(0)
        if name not in texts:
            texts[name] = _read(name, places)
            waiting += _used(texts[name], name.partition("/")[0])
    first, *rest = texts
    parts = [texts[first], *(f"{RULE}\nMSG: {_short(name)}\n{texts[name]}" for name in rest)]
    return "\n".join(parts)


def _prefixes() -> list[Path]:
    """Where ROS packages are installed; without a ROS installation beside the interpreter."""
    known = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    return [*known, Path(sys.prefix)]


def _read(kind: str, folders: Iterable[Path]) -> str:
    package, _, name = kind.partition("/msg/")
    for folder in folders:
        path = folder / "share" / package / "msg" / f"{name}.msg"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise InputUnreadable(
        f"the definition of {kind} is not installed; expected share/{package}/msg/{name}.msg in a ROS prefix: "
        "install the package, or set record:=off"
    )


def _used(text: str, package: str) -> list[str]:
    kinds = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        kind = words[0].partition("[")[0].partition("<=")[0]
        if kind in PRIMITIVES:
            continue
        owner, slash, name = kind.rpartition("/")
        kinds.append(f"{owner.removesuffix('/msg')}/msg/{name}" if slash else f"{package}/msg/{kind}")
    return kinds


def _short(kind: str) -> str:
    return kind.replace("/msg/", "/")
