"""Where a command leaves its results: checked before the work starts, filled only when it is done.

Example::

    with OutputFolder(Path("follow-out"), overwrite=True) as output:
        write_video(output.partial("follow.mp4"))
        output.publish()
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from uav_tracker_ros.errors import OutputExists, OutputUnwritable


class OutputFolder:
    """A folder that gets all results of one run at once, or none.

    Files are written under :meth:`partial` names in a hidden folder inside and renamed by
    :meth:`publish`; leaving the ``with`` block without it removes them.

    Args:
        path: made if absent.
        overwrite: an existing folder with files in it is accepted; files of the same names are
            replaced, others stay.

    Raises:
        OutputExists: the folder holds files and ``overwrite`` is False.
        OutputUnwritable: it cannot be made or written.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self.path = path
        try:
            if path.is_dir() and not overwrite and any(path.iterdir()):
                raise OutputExists(
                    f"output folder '{path}' already holds files; expected a new or empty one: "
                    "choose another --out or add --overwrite"
                )
            self._made = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
            self._partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=path))
        except OSError as error:
            if isinstance(error, OutputExists):
                raise
            raise _unwritable(path, error) from error

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)
        if self._made and not any(self.path.iterdir()):
            self.path.rmdir()

    def partial(self, name: str) -> Path:
        """Where to write the file that :meth:`publish` will call ``name``."""
        return self._partial / name

    def publish(self) -> list[Path]:
        """Give every file its final name; returns those, sorted."""
        published = []
        for source in sorted(self._partial.iterdir()):
            target = self.path / source.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            source.replace(target)
            published.append(target)
        return published


class JsonOutput:
    """``--json FILE|-``: the place is checked when made, the file appears whole or not at all.

    Args:
        target: a file name, ``-`` for standard output, or None for nowhere.

    Raises:
        OutputUnwritable: the file cannot be made there.
    """

    def __init__(self, target: str | None) -> None:
        self.to_stdout = target == "-"
        self._path = None if target is None or self.to_stdout else Path(target)
        if self._path is not None:
            _check_writable(self._path)

    def write(self, document: dict[str, Any]) -> None:
        """Write the document; numbers that are not finite must have been left out before."""
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        if self.to_stdout:
            sys.stdout.write(text)
            sys.stdout.flush()
        elif self._path is not None:
            partial = self._path.with_name(f".{self._path.name}.partial")
            try:
                partial.write_text(text)
                partial.replace(self._path)
            except OSError as error:
                partial.unlink(missing_ok=True)
                raise _unwritable(self._path, error) from error


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise OutputUnwritable(f"'{path}' is a folder; expected a file name: give --json a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputUnwritable(f"'{path}' is write-protected; expected a file that can be replaced: choose another")


def _unwritable(path: Path, error: OSError) -> OutputUnwritable:
    reason = error.strerror or str(error)
    return OutputUnwritable(f"cannot write to '{path}': {reason}; expected a place with write access: choose another")
