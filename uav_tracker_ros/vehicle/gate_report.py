"""What the gate tells the controller: each telemetry with the gate's own fields in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from uav_tracker_ros.flight import GateState, Telemetry

NOTE_S = 10.0  # how long the reason of the last stop is shown
PERIOD_S = 0.05  # telemetry goes out also while nothing is heard
DEPTH = 400  # samples; a controller that does not read for 8 s has lost the oldest


class GateReport:
    """Collects telemetry until it is read."""

    def __init__(self) -> None:
        self._out: deque[Telemetry] = deque(maxlen=DEPTH)
        self._note = ""
        self._noted_at = float("-inf")
        self._written_at = float("-inf")

    def note(self, text: str, now: float) -> None:
        """Show why the gate stopped or refused, for a while, as warning GATE_STOPPED."""
        self._note, self._noted_at = text, now

    def write(
        self,
        heard: Sequence[Telemetry],
        newest: Telemetry,
        now: float,
        *,
        state: GateState,
        engagement: int,
        blockers: tuple[str, ...],
    ) -> None:
        """Add what was heard in a step; ``newest`` again when nothing was heard for a while."""
        if not heard and now - self._written_at < PERIOD_S:
            return
        self._written_at = now
        shown = self._note and now - self._noted_at <= NOTE_S
        note = (f"GATE_STOPPED: {self._note}",) if shown else ()
        for telemetry in heard or (newest._replace(stamp=now),):
            warnings = (*telemetry.warnings, *note)
            told = telemetry._replace(gate_state=state, engagement=engagement, blockers=blockers, warnings=warnings)
            self._out.append(told)

    def read(self) -> Sequence[Telemetry]:
        """Everything since the last call, oldest first."""
        out = list(self._out)
        self._out.clear()
        return out
