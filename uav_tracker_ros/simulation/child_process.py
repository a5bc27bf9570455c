"""A Python process whose output is collected line by line, for what is broken on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


class ChildProcess:
    """Runs ``python ARGUMENTS`` in a session of its own.

    Args:
        arguments: of the interpreter: ``-m`` and a module, or a script.
        folder: for its temporary files.
    """

    def __init__(self, arguments: list[str], folder: Path) -> None:
        environment = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip("\n"))

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self.process.poll() is None

    def say(self, word: str) -> float:
        """One line of input; when, monotonic s."""
        at = time.monotonic()
        if self.process.stdin is not None:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        return at

    def send(self, number: signal.Signals) -> float:
        """A signal; when, monotonic s."""
        at = time.monotonic()
        self.process.send_signal(number)
        return at

    def waited(self) -> float:
        """Seconds that its main thread was ready to run and did not, since its start."""
        pid = self.process.pid
        try:
            return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[1]) * 1e-9
        except (OSError, IndexError):  # it has ended, or the kernel does not tell
            return 0.0

    def end(self, seconds: float | None = None) -> int:
        """Wait until it has ended and all it said was read; the exit code.

        Raises:
            subprocess.TimeoutExpired: it has not ended within these seconds.
        """
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def kill(self) -> None:
        """End it for good."""
        if self.alive:
            self.process.kill()
        self.end()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
