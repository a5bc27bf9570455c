#!/usr/bin/env bash
# Make or bring up to date the virtual environment: ROS wheels, pinned libraries, this package, its messages.
#   setup_venv.sh PYTHON VENV SET...      a SET is a file requirements/SET.txt
# Does nothing (under a second) when nothing changed.
set -euo pipefail
python=$1; venv=$2; shift 2
cd "$(dirname "$0")/.."

missing=()
command -v c++ > /dev/null || missing+=(g++)
command -v cmake > /dev/null || missing+=(cmake)
if ! command -v "$python" > /dev/null; then
  echo "setup: '$python' is not there; Python 3.10 or newer is needed: sudo apt-get install python3 python3-venv python3-dev" >&2; exit 1
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
  echo "setup: $("$python" --version) is too old; Python 3.10 or newer is needed: sudo apt-get install python3.11 python3.11-venv python3.11-dev, then make PYTHON=python3.11" >&2; exit 1; }
"$python" -c 'import venv, ensurepip' 2> /dev/null || missing+=(python3-venv)
"$python" -c 'import sysconfig, os, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || missing+=(python3-dev)
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: missing on this machine: sudo apt-get install ${missing[*]}" >&2; exit 1
fi

files=(requirements/ros-jazzy.txt)
for set in "$@"; do files+=("requirements/$set.txt"); done
key=$(cat "${files[@]}" setup.py pyproject.toml | sha256sum | cut -d' ' -f1)
stamp="$venv/installed-$(IFS=-; echo "$*")"
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$key" ]; then
  if [ ! -x "$venv/bin/python" ]; then
    echo "setup: making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
  fi
  echo "setup: installing ROS 2 (wheels) and pinned libraries into $venv, a minute or two on the first run"
  args=(); for file in "${files[@]}"; do args+=(-r "$file"); done
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${args[@]}"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
  echo "$key" > "$stamp"
fi
echo "setup: message types: building only if they changed"
scripts/build_interfaces.sh "$venv" .
