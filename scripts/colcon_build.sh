#!/usr/bin/env bash
# A real colcon build of this package on the wheels of a virtual environment, and a check of what it installed.
#   colcon_build.sh [VENV]
# colcon lives in an environment of its own (build/colcon-venv): its empy < 4 and the generators' empy 4 do not mix.
# Nothing is written outside build/.
set -euo pipefail
venv=$(realpath "${1:-.venv}"); repo=$(realpath "$(dirname "$0")/..")
tools="$repo/build/colcon-venv"; out="$repo/build/colcon"
requirements="$repo/requirements/colcon.txt"
# The start-up hook of the wheels exports these; cmake and the compiler must not see them.
unset LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH

key=$(sha256sum < "$requirements")
if [ ! -f "$tools/installed" ] || [ "$(cat "$tools/installed")" != "$key" ]; then
  echo "colcon: installing colcon into build/colcon-venv"
  "$venv/bin/python" -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  echo "$key" > "$tools/installed"
fi

echo "colcon: building (the first time a minute or more)"
# From a copy: CMake refuses exported include paths (numpy's in the venv) that lie inside the source folder.
mkdir -p "$out"; rm -rf "$out/src"; mkdir -p "$out/src/uav_tracker_ros"
(cd "$repo"; tar -cf - --exclude=__pycache__ CMakeLists.txt package.xml setup.py uav_tracker_ros msg srv action \
  launch config models rviz scripts cmake) | tar -xf - -C "$out/src/uav_tracker_ros"
PATH="$venv/bin:$PATH" AMENT_PREFIX_PATH="$venv" "$tools/bin/colcon" --log-base "$out/log" build \
  --paths "$out/src/uav_tracker_ros" --build-base "$out/build" --install-base "$out/install" \
  --cmake-args -GNinja "-DCMAKE_PREFIX_PATH=$venv" "-DPython3_EXECUTABLE=$venv/bin/python" \
  -DBUILD_TESTING=OFF "-DCMAKE_PROJECT_INCLUDE=$out/src/uav_tracker_ros/cmake/wheels.cmake" > "$out/build.log" 2>&1 \
  || { tail -60 "$out/build.log" >&2; exit 1; }

prefix="$out/install/uav_tracker_ros"
for name in camera_node tracker_node controller_node simulator_node gate uav-tracker; do
  test -x "$prefix/lib/uav_tracker_ros/$name" || { echo "colcon: $name is not installed; look at CMakeLists.txt" >&2; exit 1; }
done
for file in launch/follow.launch.py config/base.yaml config/fastdds_camera.xml rviz/follow.rviz models/models.yaml package.xml; do
  test -f "$prefix/share/uav_tracker_ros/$file" || { echo "colcon: share/$file is not installed; look at CMakeLists.txt" >&2; exit 1; }
done
# From the install tree alone: -P and another folder keep the source tree out of sys.path, the venv's own copy is hidden.
site=$(echo "$prefix"/lib/python3*/site-packages)
cd "$out"
AMENT_PREFIX_PATH="$prefix:$venv" PYTHONPATH="$site" LD_LIBRARY_PATH="$prefix/lib" "$venv/bin/python" - "$prefix" << 'PYTHON'
import sys
from pathlib import Path

import uav_tracker_ros
from uav_tracker_ros.action import FollowTarget
from uav_tracker_ros.msg import FollowState, TrackedTarget
from uav_tracker_ros.nodes import controller_node, tracker_node, variants
from uav_tracker_ros.srv import SelectTarget

prefix = Path(sys.argv[1])
for thing in (uav_tracker_ros, sys.modules[TrackedTarget.__module__], controller_node, tracker_node):
    assert prefix in Path(thing.__file__).parents, f"{thing.__name__} comes from {thing.__file__}, not from {prefix}"
assert variants.config_directory() == prefix / "share/uav_tracker_ros/config", variants.config_directory()
for kind in (FollowState, TrackedTarget, SelectTarget.Request, FollowTarget.Goal):
    kind()
PYTHON
echo "colcon: built and installed; executables, share files and messages are there"
