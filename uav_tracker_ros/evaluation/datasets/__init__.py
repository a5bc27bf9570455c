"""Readers of data sets: each gives :class:`Sequence` objects; images are decoded only when iterated.

Example::

    layout, sequences = open_dataset(Path("UAV123"))
    for sequence in sequences:
        print(sequence.name, len(sequence.truth), sequence.attributes)
"""

from uav_tracker_ros.evaluation.datasets.layouts import LAYOUTS, open_dataset
from uav_tracker_ros.evaluation.datasets.sequence import Images, Pictures, Sequence, VideoFile

__all__ = ["Images", "LAYOUTS", "Pictures", "Sequence", "VideoFile", "open_dataset"]
