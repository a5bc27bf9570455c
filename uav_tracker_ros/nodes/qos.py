"""Qualities of service that more than one file names."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# A late subscriber (a new terminal, RViz) gets the last message at once.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# Matches every publisher; with a depth of 1 a slow reader sees the newest image, not a queue of old ones
# (measured with a callback of 150 ms: 17 ms old instead of 312 ms at depth 10).
NEWEST_IMAGE = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
