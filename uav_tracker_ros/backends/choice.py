"""Which backend runs a tracker."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from uav_tracker_ros.backends.contract import Backend, BackendLoader
from uav_tracker_ros.errors import BackendUnavailable, unknown_name

NAMES = ("torch", "onnxruntime", "openvino", "tensorrt")
ONNX = ("onnxruntime", "openvino")
_ORDER = ("tensorrt", "openvino", "onnxruntime", "torch")  # `auto`: the fastest first
_logger = logging.getLogger(__name__)


def choose(wanted: str, offered: Sequence[str], tracker: str) -> str:
    """The backend to use.

    Args:
        wanted: ``auto`` or a name.
        offered: what the tracker's row in models.yaml lists.
        tracker: for messages.

    Raises:
        UnknownName: no backend has this name.
        BackendUnavailable: the tracker does not run on it, or its library is not installed.
    """
    if wanted not in ("auto", *NAMES):
        raise unknown_name("backend", wanted, ("auto", *NAMES))
    if wanted != "auto":
        if wanted not in offered:
            raise BackendUnavailable(
                f"{tracker} does not run on {wanted}; it runs on {', '.join(offered) or 'nothing'}; use --backend auto"
            )
        if not installed(wanted):
            raise BackendUnavailable(f"{wanted} is not installed; {tracker} asks for it; pip install {wanted}")
        return wanted
    for name in _ORDER:
        if name in offered and installed(name):
            _logger.info("%s runs on %s: first of its backends that is installed", tracker, name)
            return name
    raise BackendUnavailable(
        f"{tracker} runs on {', '.join(offered) or 'no backend'}, none of which is installed; "
        f"pip install {offered[0] if offered else 'onnxruntime'}"
    )


def installed(name: str) -> bool:
    """Whether the library can be found, without importing it."""
    return importlib.util.find_spec(name) is not None


def load_onnx(name: str, files: Mapping[str, Path], threads: int) -> Backend:
    """One of the backends that run ONNX files, with these graphs; no other backend is imported.

    Raises:
        BackendUnavailable: it runs no ONNX files, or its library is missing.
        ModelFileDamaged: a file that it cannot read.
    """
    if name not in ONNX:
        raise BackendUnavailable(
            f"{name or 'no backend'} does not run ONNX files; expected {' or '.join(ONNX)}; correct `backends` in "
            "models.yaml"
        )
    loader: BackendLoader = importlib.import_module(f"uav_tracker_ros.backends.{name}_backend").load
    return loader(files, threads)
