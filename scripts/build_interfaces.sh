#!/usr/bin/env bash
# Build this package's msg/srv/action against the wheels of a virtual
# environment and install them into it. No ROS installation, no colcon.
#   build_interfaces.sh [VENV] [REPO]     rebuilds only when an input changed
set -euo pipefail
venv=$(realpath "${1:-.venv}"); repo=$(realpath "${2:-.}")
build="$repo/build/interfaces"; py="$venv/bin/python"
stamp="$venv/share/uav_tracker_ros/interfaces.stamp"
key=$( { cd "$repo"; cat CMakeLists.txt package.xml cmake/wheels.cmake;
         find msg srv action -type f \( -name '*.msg' -o -name '*.srv' -o -name '*.action' \) | LC_ALL=C sort | xargs sha256sum;
         "$py" -c 'import sys, importlib.metadata as m; print(sys.version, sys.prefix); print(*(f"{n}={m.version(n)}" for n in ("ros-rclpy", "ros-rosidl-generator-py", "ros-rosidl-typesupport-fastrtps-c", "numpy")))'; } | sha256sum | cut -d' ' -f1)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then echo "interfaces: up to date"; exit 0; fi
# The interpreter start-up hook of the wheels exports LD_LIBRARY_PATH; cmake,
# ninja and the compiler must not see it.
unset LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH
export PATH="$venv/bin:$PATH"
rm -rf "$build"; mkdir -p "$build"
cmake -S "$repo" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
  -DCMAKE_PREFIX_PATH="$venv" -DCMAKE_INSTALL_PREFIX="$venv" -DPython3_EXECUTABLE="$py" \
  -DCMAKE_PROJECT_INCLUDE="$repo/cmake/wheels.cmake" \
  -DUAV_TRACKER_ROS_INTERFACES_ONLY=ON -DPYTHON_INSTALL_DIR=share/uav_tracker_ros/rosidl_py > "$build.log" 2>&1 \
  || { tail -40 "$build.log"; exit 1; }
cmake --build "$build" -j "${JOBS:-$(nproc)}" >> "$build.log" 2>&1 || { tail -40 "$build.log"; exit 1; }
cmake --install "$build" >> "$build.log"
echo "$key" > "$stamp"; echo "interfaces: built"
