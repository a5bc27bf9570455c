"""The exceptions a user can meet.

Every message has three parts: what was found, what was expected, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UavTrackerError(Exception):
    """Base of all errors with a message for the user; commands print it and exit with 1."""


class InvalidParameter(UavTrackerError, ValueError):
    """A setting is outside its range or of the wrong kind."""


class UnknownName(UavTrackerError, LookupError):
    """A name (tracker, backend, parameter, scenario) that nobody registered."""


class InvalidImage(UavTrackerError, ValueError):
    """An image that cannot be used: empty, truncated, wrong step or unknown encoding."""


class InvalidBox(UavTrackerError, ValueError):
    """A box that cannot be tracked: NaN, zero size or outside the image."""


class NotInitialized(UavTrackerError, RuntimeError):
    """A tracker was asked for an update before it was given a target."""


class ModelFileMissing(UavTrackerError, FileNotFoundError):
    """A row of models.yaml has no weights here."""


class ModelFileDamaged(UavTrackerError, ValueError):
    """Weights whose checksum or keys are not those that models.yaml or the network expect."""


class BackendUnavailable(UavTrackerError, ImportError):
    """The library that should run the network cannot be imported."""


class StaleTelemetry(UavTrackerError, LookupError):
    """No attitude or position is known for the asked moment."""


class VehicleUnreachable(UavTrackerError, ConnectionError):
    """No autopilot answers at the URL, or its port belongs to somebody else."""


class OutputExists(UavTrackerError, FileExistsError):
    """An output folder holds results and ``--overwrite`` was not given."""


class OutputUnwritable(UavTrackerError, OSError):
    """An output file or folder that cannot be made or written."""


class InputUnreadable(UavTrackerError, OSError):
    """A video, folder, annotation or record that cannot be read."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for a wrong name, with the nearest known one.

    Args:
        kind: what was named, e.g. ``tracker``.
        name: what the user wrote.
        known: all valid names.
    """
    names = sorted(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{nearest[0]}'? " if nearest else ""
    return UnknownName(f"unknown {kind} '{name}'; {hint}known: {', '.join(names)}")
