"""What a run needs to go on: one file, written whole or not at all, in pieces where a transfer asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from uav_tracker_ros.errors import InputUnreadable, InvalidParameter

STATE = "state.pt"
_PIECE = ".piece"


def save(state: dict[str, Any], folder: Path) -> None:
    """Replace the folder's state by this one."""
    partial = folder / f".{STATE}.partial"
    torch.save(state, partial)
    partial.replace(folder / STATE)


def load(folder: Path, recipe: str) -> dict[str, Any] | None:
    """The folder's state, joined from its pieces if it lies in pieces; None where there is none.

    Raises:
        InvalidParameter: the state of another recipe.
        InputUnreadable: a piece is missing or the file is damaged.
    """
    if not (folder / STATE).is_file():
        join_pieces(folder)
    if not (folder / STATE).is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputUnreadable(
            f"{folder / STATE} cannot be read ({error}); expected the state of a run; copy it again or begin anew in "
            "another folder"
        ) from error
    if state["recipe"] != recipe:
        raise InvalidParameter(
            f"{folder} holds a run of {state['recipe']}; expected one of {recipe}; give another --out"
        )
    return state


def split(file: Path, megabytes: float) -> list[Path]:
    """Cut a file into ``NAME.pieceKofN``, each at most so large; a small file stays as it is.

    Returns:
        The pieces, or the file itself.
    """
    limit = int(megabytes * 2**20)
    total = -(-file.stat().st_size // limit)
    for old in file.parent.glob(f"{file.name}{_PIECE}*"):
        old.unlink()
    if total <= 1:
        return [file]
    pieces = []
    with file.open("rb") as stream:
        for number in range(1, total + 1):
            piece = file.with_name(f"{file.name}{_PIECE}{number}of{total}")
            piece.write_bytes(stream.read(limit))
            pieces.append(piece)
    file.unlink()
    return pieces


def join_pieces(folder: Path) -> None:
    """Put together every file of the folder that lies in pieces.

    Raises:
        InputUnreadable: a piece is missing (named).
    """
    for first in sorted(folder.glob(f"*{_PIECE}1of*")):
        name, _, count = first.name.rpartition(f"{_PIECE}1of")
        pieces = [folder / f"{name}{_PIECE}{number}of{count}" for number in range(1, int(count) + 1)]
        missing = [piece.name for piece in pieces if not piece.is_file()]
        if missing:
            raise InputUnreadable(f"{folder} lacks {missing[0]}; expected {count} pieces of {name}; copy all of them")
        partial = folder / f".{name}.partial"
        with partial.open("wb") as stream:
            for piece in pieces:
                stream.write(piece.read_bytes())
        partial.replace(folder / name)
        for piece in pieces:
            piece.unlink()
