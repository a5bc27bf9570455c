"""The first box: typed, or dragged on the first image."""

from __future__ import annotations

import os
import sys

from uav_tracker_ros.errors import InvalidBox, InvalidParameter
from uav_tracker_ros.evaluation.overlay import as_bgr
from uav_tracker_ros.geometry import Box, Image


def parse_box(text: str) -> Box:
    """``x,y,w,h`` in px.

    Raises:
        InvalidBox: anything else.
    """
    parts = text.split(",")
    try:
        return Box(*map(float, parts)) if len(parts) == 4 else _refuse(text)
    except ValueError:
        return _refuse(text)


def _refuse(text: str) -> Box:
    raise InvalidBox(f"box '{text}'; expected x,y,w,h in px, e.g. 318,139,23,19; correct --box")


def drag_box(image: Image, title: str) -> Box:
    """Show the image and wait until the user has dragged a box and closed the window.

    Raises:
        InvalidParameter: there is no display, or no box was dragged.
    """
    has_display = sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if not has_display:
        raise InvalidParameter(
            "no box is given and there is no display to drag one on; expected --box x,y,w,h; "
            "add it, e.g. --box 318,139,23,19"
        )
    import matplotlib.pyplot as plt
    from matplotlib.backends import backend_registry
    from matplotlib.backends.registry import BackendFilter
    from matplotlib.widgets import RectangleSelector

    if plt.get_backend().lower() not in backend_registry.list_builtin(BackendFilter.INTERACTIVE):
        raise InvalidParameter(
            f"no box is given and matplotlib has no window system ('{plt.get_backend()}'); expected --box x,y,w,h "
            "or a toolkit; add --box, or sudo apt-get install python3-tk"
        )
    figure, axes = plt.subplots(num=f"{title}: drag a box, then close this window")
    axes.imshow(as_bgr(image)[:, :, ::-1], extent=(0, image.shape[1], image.shape[0], 0))
    axes.set_axis_off()
    selector = RectangleSelector(axes, lambda press, release: None, useblit=True, interactive=True)
    plt.show()
    x0, x1, y0, y1 = selector.extents
    plt.close(figure)
    if x1 - x0 < 1 or y1 - y0 < 1:
        raise InvalidParameter("no box was dragged; expected one around the target; try again or add --box x,y,w,h")
    return Box.from_xyxy(float(x0), float(y0), float(x1), float(y1))
