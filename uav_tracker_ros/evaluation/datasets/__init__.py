"""Readers of data sets: each gives :class:`Sequence` objects; images are decoded only when iterated.

Example::

    for sequence in open_dataset(Path("UAV123")):
        print(sequence.name, len(sequence.truth), sequence.attributes)
"""

from uav_tracker_ros.evaluation.datasets.sequence import Images, Pictures, Sequence, VideoFile

__all__ = ["Images", "Pictures", "Sequence", "VideoFile"]
