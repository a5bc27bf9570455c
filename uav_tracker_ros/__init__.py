"""Lets a drone follow what its operator points at.

Camera images go in, a box with an honest confidence comes out, and a vehicle follows it.
The rooms: ``trackers`` (image and box to box), ``following`` (pixels to motion), ``vehicle``
(motion to autopilot), ``simulation``, ``nodes`` (the ROS shell) and ``cli``.
"""

import os as _os
import sys as _sys

# Without a ROS installation the generated messages live beside the wheels, outside site-packages;
# under colcon this folder does not exist and nothing happens.
_generated = _os.path.join(_sys.prefix, "share", "uav_tracker_ros", "rosidl_py", "uav_tracker_ros")
if _os.path.isdir(_generated) and _generated not in __path__:
    __path__.append(_generated)
