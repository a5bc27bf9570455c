"""What a benchmark was run on: milliseconds without it mean nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import NamedTuple

from uav_tracker_ros.backends.threads import available_cores

_SPEED_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm")
_LIBRARIES = ("numpy", "onnxruntime", "openvino", "torch")


class Machine(NamedTuple):
    """This machine, now."""

    processor: str
    cores: int  # that this process may use
    flags: tuple[str, ...]  # vector instructions that the backends use
    load: float  # average of the last minute
    libraries: dict[str, str]  # versions of those installed


def this_machine() -> Machine:
    """Read it from the system; a processor that is not named is its architecture."""
    import cv2

    fields = _processor_fields(Path("/proc/cpuinfo"))
    present = set(fields.get("flags", fields.get("Features", "")).split())
    libraries = {"opencv": cv2.__version__}
    for name in _LIBRARIES:
        try:
            libraries[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Machine(
        fields.get("model name", platform.machine()),
        available_cores(),
        tuple(flag for flag in _SPEED_FLAGS if flag in present),
        os.getloadavg()[0],
        libraries,
    )


def _processor_fields(file: Path) -> dict[str, str]:
    """The first processor's lines."""
    try:
        lines = file.read_text().split("\n\n")[0].splitlines()
    except OSError:  # not Linux
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
