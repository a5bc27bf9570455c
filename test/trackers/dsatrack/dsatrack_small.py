"""A row that is quick to run and has three semantic-aware blocks."""

from uav_tracker_ros.trackers.dsatrack.rows import Row

SMALL = Row("small", 128, (1, 2, 3, 4, 5, 6), ((1, 172), (3, 153), (4, 134)), head_channels=32)
