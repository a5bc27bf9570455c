"""Files of weights: found, verified by checksum, loaded strictly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from uav_tracker_ros.errors import BackendUnavailable, ModelFileDamaged, ModelFileMissing

_SHOWN = 5  # names in a message; the rest is counted


def verify(file: Path, sha256: str, tracker: str) -> Path:
    """``file`` if its content is what models.yaml says.

    Raises:
        ModelFileMissing: it is not there.
        ModelFileDamaged: its checksum is another.
    """
    if not file.is_file():
        raise ModelFileMissing(
            f"{tracker}: {file} is not there; expected its weights; `uav-tracker models` lists what is"
        )
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)
    if found != sha256:
        raise ModelFileDamaged(
            f"{tracker}: {file} has sha256 {found[:12]}..., expected {sha256[:12]}...; it is damaged or another "
            "version: copy it again"
        )
    return file


def _digest(file: Path) -> str:  # Python 3.10
    return hashlib.sha256(file.read_bytes()).hexdigest()


def array_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shape of each array of a safetensors file, without reading the arrays.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: not safetensors.
    """
    import safetensors

    if not file.is_file():
        raise ModelFileMissing(f"{file} is not there; expected trained weights; give another file")
    try:
        with safetensors.safe_open(file, framework="np") as content:
            return {name: tuple(content.get_slice(name).get_shape()) for name in content.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise ModelFileDamaged(f"{file.name} cannot be read as safetensors ({error}); copy the file again") from error


def load_state(
    file: Path, expected: Mapping[str, tuple[int, ...]], *, sha256: str | None = None, ignore: Iterable[str] = ()
) -> dict[str, NDArray[Any]]:
    """Arrays of a safetensors file, exactly those that a network has.

    Args:
        file: ``.safetensors``; other formats can run code when read and are refused.
        expected: shape of each key of the network.
        sha256: checksum to verify first, if known.
        ignore: keys that the file may have and the network does not need.

    Raises:
        ModelFileMissing: no such file.
        ModelFileDamaged: wrong checksum, not safetensors, or keys or shapes that differ (named).
    """
    if file.suffix != ".safetensors":
        raise ModelFileDamaged(f"{file.name} is not a .safetensors file; pickles can run code; convert it first")
    if not file.is_file():
        raise ModelFileMissing(f"{file} is not there; expected weights; `uav-tracker models` lists what is")
    if sha256 is not None:
        verify(file, sha256, file.stem)
    try:
        import safetensors
        from safetensors.numpy import load_file
    except ImportError as error:
        raise BackendUnavailable(
            f"safetensors cannot be imported ({error}); weights need it; pip install safetensors"
        ) from error
    try:
        state: dict[str, NDArray[Any]] = load_file(file)
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise ModelFileDamaged(f"{file.name} cannot be read as safetensors ({error}); copy the file again") from error
    for key in ignore:
        state.pop(key, None)
    _compare({key: tuple(value.shape) for key, value in state.items()}, expected, file.name)
    return state


def _compare(found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], name: str) -> None:
    differences = []
    for title, keys in (
        ("missing", sorted(expected.keys() - found.keys())),
        ("unexpected", sorted(found.keys() - expected.keys())),
        (
            "of another shape",
            [
                f"{key} {found[key]} for {tuple(expected[key])}"
                for key in sorted(expected.keys() & found.keys())
                if found[key] != tuple(expected[key])
            ],
        ),
    ):
        if keys:
            more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            differences.append(f"{len(keys)} {title}: {', '.join(keys[:_SHOWN])}{more}")
    if differences:
        raise ModelFileDamaged(
            f"{name} does not fit the network ({'; '.join(differences)}); expected {len(expected)} arrays; "
            "use the weights of this tracker"
        )
