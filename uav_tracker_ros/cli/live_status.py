"""What the operator sees while something flies: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import NamedTuple

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

PLAIN_PERIOD_S = 2.0
PHASE_STYLES = {
    "FOLLOWING": "bold green",
    "ENGAGING": "bold cyan",
    "COASTING": "bold yellow",
    "SEARCHING": "bold red",
    "HOLD": "bold magenta",
    "TAKEOVER": "bold red",
}


class Status(NamedTuple):
    """One moment of a flight; NaN: not known yet."""

    elapsed: float  # s since following began
    seconds: float  # s asked for
    phase: str  # FollowState's
    vehicle_mode: str
    distance: float  # m
    wanted_distance: float  # m
    confidence: float
    latency: float  # s, image stamp to box
    rate: float  # boxes a second
    notes: tuple[str, ...] = ()  # blockers, warnings

    def cells(self) -> dict[str, str]:
        """Texts in the order of reading; without the time where nobody counts it."""
        cells = {
            "time": f"{self.elapsed:.0f} / {self.seconds:.0f} s",
            "state": self.phase,
            "vehicle": self.vehicle_mode,
            "distance": f"{_number(self.distance, '.1f')} / {_number(self.wanted_distance, '.0f')} m",
            "confidence": _number(self.confidence, ".2f"),
            "latency": f"{_number(self.latency * 1000, '.0f')} ms",
            "rate": f"{_number(self.rate, '.0f')} Hz",
        }
        return cells if math.isfinite(self.elapsed) else dict(list(cells.items())[1:])


class LiveStatus:
    """Shows :class:`Status` on a console (standard error, so that results keep standard output).

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._shown_at = -math.inf
        self._shown_phase = ""

    def __enter__(self) -> LiveStatus:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def show(self, status: Status) -> None:
        """The newest status; plain consoles get a line every two seconds and at each change of state."""
        if self._live is not None:
            self._live.update(_table(status), refresh=True)
            return
        now = time.monotonic()
        if status.phase == self._shown_phase and now - self._shown_at < PLAIN_PERIOD_S:
            return
        self._shown_at, self._shown_phase = now, status.phase
        line = "  ".join(f"{name} {text}" for name, text in status.cells().items())
        self.say(line + "".join(f"  [{note}]" for note in status.notes).replace("[", "\\["))


def _table(status: Status) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    cells = status.cells()
    for name in cells:
        table.add_column(name)
    table.add_row(*(Text(text, PHASE_STYLES.get(text, "") if name == "state" else "") for name, text in cells.items()))
    if status.notes:
        table.caption = Text("; ".join(status.notes), "yellow")
    return table


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"
