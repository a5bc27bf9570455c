"""The log of a run: a CSV with a row now and then, a line on standard error, and a picture of the loss."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE = 900, 420  # px of the picture
_FRAME = 60, 20, 20, 40  # px left, top, right, bottom of the plot
_COLOURS = (
    (178, 114, 0),
    (0, 94, 213),
    (115, 158, 0),
    (167, 121, 204),
    (66, 159, 240),
    (80, 80, 80),
)  # BGR, colour-blind
_EVERY = 10.0  # s between two lines on standard error


class Logbook:
    """Rows of figures by step; a resumed run drops what lies behind its step and goes on.

    Args:
        file: the CSV; its picture has the same name and ``.png``.
        step: where the run goes on.
    """

    def __init__(self, file: Path, step: int) -> None:
        self.file = file
        self.rows = [row for row in _read(file) if row["step"] <= step]
        self._sums: dict[str, float] = {}
        self._count = 0
        self._last = time.monotonic()
        self._last_step = step

    def add(self, figures: dict[str, float]) -> None:
        """Figures of one step: the next row has their mean."""
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1

    def due(self) -> bool:
        """It is time for the next row."""
        return time.monotonic() - self._last >= _EVERY

    def write(self, step: int, samples: int, of: int, extra: dict[str, float]) -> None:
        """A row: means since the last one, and figures of now; a second one of the same step adds to the first."""
        seconds = time.monotonic() - self._last
        rate = (step - self._last_step) * (samples / max(step, 1)) / max(seconds, 1e-9)
        means = {name: value / max(self._count, 1) for name, value in self._sums.items()}
        figures = {**means, **extra}
        row = {"step": float(step), "samples": float(samples), **({"rate": rate} if rate else {}), **figures}
        rounded = {
            name: float(f"{value:.5g}") if name not in ("step", "samples") else value for name, value in row.items()
        }
        if self.rows and self.rows[-1]["step"] == step:
            self.rows[-1].update(rounded)
        else:
            self.rows.append(rounded)
        self._sums, self._count, self._last, self._last_step = {}, 0, time.monotonic(), step
        pace = f"{rate:.1f}/s, {(of - samples) / rate / 60:.0f} min left  " if rate else ""
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        print(f"{samples}/{of}  {pace}{text}", file=sys.stderr, flush=True)  # noqa: T201

    def save(self) -> None:
        """The CSV and its picture, each whole."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        partial = self.file.with_name(f".{self.file.name}.partial")
        with partial.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(self.rows)
        partial.replace(self.file)
        if len(self.rows) > 1:
            cv2.imwrite(str(self.file.with_suffix(".png")), loss_picture(self.rows))


def loss_picture(rows: list[dict[str, float]]) -> NDArray[np.uint8]:
    """Losses over samples, the total's scale for all; (H, W, 3) BGR.

    Drawn with OpenCV: a training machine may have no plotting library.
    """
    canvas = np.full((_SIZE[1], _SIZE[0], 3), 255, np.uint8)
    left, top, right, bottom = _FRAME
    names = [name for name in rows[-1] if name not in ("step", "samples", "rate", "learning_rate", "waited")]
    names = names[: len(_COLOURS)]
    values = [row[name] for row in rows for name in names if np.isfinite(row.get(name, np.nan))]
    low, high = min(0.0, min(values, default=0.0)), max([*np.percentile(values or [1.0], [99]), 1e-6])
    last = max(row["samples"] for row in rows)

    def place(samples: float, value: float) -> tuple[int, int]:
        x = left + (_SIZE[0] - left - right) * samples / max(last, 1)
        y = _SIZE[1] - bottom - (_SIZE[1] - top - bottom) * (np.clip(value, low, high) - low) / (high - low)
        return round(x), round(float(y))

    for part in np.linspace(low, high, 5):
        cv2.line(canvas, place(0, part), place(last, part), (225, 225, 225), 1)
        _text(canvas, f"{part:.2f}", (8, place(0, part)[1] + 4), (60, 60, 60))
    for part in np.linspace(0, last, 5):
        _text(canvas, f"{part:.0f}", (place(part, low)[0] - 20, _SIZE[1] - 16), (60, 60, 60))
    for number, name in enumerate(names):
        points = [place(row["samples"], row[name]) for row in rows if np.isfinite(row.get(name, np.nan))]
        cv2.polylines(canvas, [np.array(points, np.int32)], False, _COLOURS[number], 2, cv2.LINE_AA)
        _text(canvas, name, (_SIZE[0] - 130, 36 + 18 * number), _COLOURS[number])
    return canvas


def _text(canvas: NDArray[np.uint8], text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)


def _read(file: Path) -> list[dict[str, float]]:
    if not file.is_file():
        return []
    with file.open(newline="") as stream:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(stream)]
