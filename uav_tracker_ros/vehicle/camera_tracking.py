"""A ground station's camera tracking: what its operator draws goes to the controller, the box comes back.

A selection selects only; nothing here engages. Standard library only.

Source: MAVLink camera protocol v2, https://mavlink.io/en/services/camera.html#camera-tracking
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

STATUS_PERIOD_S = 0.2  # 5 Hz
STATUS_MAX_AGE_S = 0.5  # of the controller's word; an older box is none
POINT, RECTANGLE, OFF = "point", "rectangle", "off"


class PictureBox(NamedTuple):
    """A box in shares of the picture: (0, 0) is the top left corner, (1, 1) the bottom right one."""

    left: float
    top: float
    right: float
    bottom: float


class TargetRequest(NamedTuple):
    """What an operator at a ground station pointed at."""

    box: PictureBox | None  # without width and height: a point; None: track nothing any more


class TargetStatus(NamedTuple):
    """Where the tracker has the target."""

    box: PictureBox | None  # None: nowhere
    width: int  # px of the picture
    height: int  # px


class CameraCommand(NamedTuple):
    """One command of a ground station."""

    kind: str  # POINT, RECTANGLE or OFF
    numbers: tuple[float, ...]  # x, y; or left, top, right, bottom; in shares of the picture


class TrackingCamera(Protocol):
    """The MAVLink camera that ground stations see."""

    def poll(self) -> Sequence[CameraCommand]:
        """Commands since the last call; never blocks."""
        ...

    def answer(self, kind: str, accepted: bool) -> None:
        """Acknowledge the last command of this kind."""

    def show(self, status: TargetStatus | None) -> None:
        """Send where the target is, to whoever listens."""


class CameraTracking:
    """The rules between ground station and controller; stepped with the gate's loop.

    Args:
        camera: what ground stations see.
    """

    def __init__(self, camera: TrackingCamera) -> None:
        self._camera = camera
        self._status: tuple[float, TargetStatus] | None = None
        self._due = -math.inf

    def tell(self, status: TargetStatus, now: float) -> None:
        """The controller says where the target is (monotonic s)."""
        self._status = (now, status)

    def step(self, now: float, *, controller: bool) -> list[TargetRequest]:
        """Answer commands and send the status when due.

        Args:
            now: monotonic s.
            controller: one is connected; without it every selection is refused.

        Returns:
            What the controller is to select.
        """
        requests = []
        for command in self._camera.poll():
            request = request_of(command)
            accepted = controller and request is not None
            self._camera.answer(command.kind, accepted)
            if request is not None and accepted:
                requests.append(request)
        if now >= self._due:
            self._due = now + STATUS_PERIOD_S
            fresh = self._status is not None and now - self._status[0] <= STATUS_MAX_AGE_S
            self._camera.show(self._status[1] if self._status is not None and fresh else None)
        return requests


def request_of(command: CameraCommand) -> TargetRequest | None:
    """What a command asks; None: numbers that are no place in the picture.

    Corners may come in any order, and a rectangle may reach over the picture's edge.
    """
    if command.kind == OFF:
        return TargetRequest(None)
    if not all(math.isfinite(number) for number in command.numbers):
        return None
    if command.kind == POINT:
        x, y = command.numbers
        return TargetRequest(PictureBox(x, y, x, y)) if 0 <= x <= 1 and 0 <= y <= 1 else None
    x0, y0, x1, y1 = (min(1.0, max(0.0, number)) for number in command.numbers)
    box = PictureBox(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    return TargetRequest(box) if box.right > box.left and box.bottom > box.top else None
