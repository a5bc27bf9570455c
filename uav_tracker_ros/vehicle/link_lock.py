"""One gate for one link: a lock file for every URL, and a bind test for network ports.

MAVSDK opens a UDP port that somebody else has bound without an error, and takes the telemetry
away from whoever was there first. The lock file also remembers a pilot's take-over, so that a
gate that is started again begins as it ended: latched.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import socket
import tempfile
from pathlib import Path
from types import TracebackType

from uav_tracker_ros.errors import VehicleUnreachable

_SERVERS = {"udp": socket.SOCK_DGRAM, "udpin": socket.SOCK_DGRAM, "tcpin": socket.SOCK_STREAM}


class LinkLock:
    """Held while a gate owns a URL."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        """Take the link.

        Args:
            url: MAVSDK's connection URL.
            folder: of the lock file; the system's temporary folder by default, which every
                gate on this machine must share.

        Raises:
            VehicleUnreachable: another process has it.
        """
        digest = hashlib.sha256(_resource(url).encode()).hexdigest()[:16]
        self.path = (folder or Path(tempfile.gettempdir())) / f"uav_tracker_gate_{digest}.lock"
        self._url = url
        self._file = self._open()
        try:
            _bind_test(url)
        except VehicleUnreachable:
            self._file.close()
            raise
        self._write(taken=self.taken)

    def _open(self) -> _File:
        try:
            file = _File(self.path)
        except PermissionError as error:
            raise VehicleUnreachable(
                f"{self._url} is locked by another user ({self.path}); expected a free link: "
                "stop the other gate or remove that file"
            ) from error
        if not file.lock():
            owner = file.read().get("pid", "unknown")
            file.close()
            raise VehicleUnreachable(
                f"{self._url} is owned by another gate (process {owner}); expected one gate a link: stop it first"
            )
        return file

    @property
    def taken(self) -> bool:
        """Whether the last gate on this URL ended latched by a take-over."""
        return self._file.read().get("taken") is True

    @taken.setter
    def taken(self, taken: bool) -> None:
        self._write(taken=taken)

    def _write(self, *, taken: bool) -> None:
        self._file.write({"pid": os.getpid(), "url": self._url, "taken": taken})

    def close(self) -> None:
        """Let the link go; the file stays, with its latch."""
        self._file.close()

    def __enter__(self) -> LinkLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _File:
    """A small JSON file under an exclusive lock of the kernel, which ends with the process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def read(self) -> dict[str, object]:
        try:
            fields = json.loads(os.pread(self._descriptor, 4096, 0) or b"{}")
        except ValueError:
            # Half written when the machine lost its power: a latch that may have been there counts.
            return {"taken": True}
        return fields if isinstance(fields, dict) else {}

    def write(self, fields: dict[str, object]) -> None:
        text = json.dumps(fields).encode()
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _parts(url: str) -> tuple[str, str, str]:
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    return scheme, host, port


def _resource(url: str) -> str:
    """What two URLs have in common when they mean one thing: the local port, or the device."""
    scheme, host, port = _parts(url)
    if scheme in _SERVERS:
        return f"{_SERVERS[scheme].name}:{port}"
    if scheme.startswith("serial"):
        return f"serial:{os.path.realpath(host)}"
    return url


def free_port(wanted: int = 0) -> int:
    """A UDP port of this host that nobody uses now: the wanted one if it is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", wanted))  # noqa: S104 - free on every address; closed at once
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bind_test(url: str) -> None:
    scheme, host, port = _parts(url)
    if scheme not in _SERVERS or not port.isdigit() or int(port) > 65535:
        return
    with socket.socket(socket.AF_INET, _SERVERS[scheme]) as probe:
        try:
            probe.bind((host or "0.0.0.0", int(port)))  # noqa: S104 - MAVSDK's own meaning of the URL
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise VehicleUnreachable(
                    f"port {port} of {url} is in use by another program; expected it to be free: "
                    "stop that program or give another port"
                ) from error
            raise VehicleUnreachable(f"{url} cannot be opened: {error.strerror}; give a local address") from error
