"""Image and box in, box and score out. No clock, no thread, no ROS.

A tracker is made by :func:`uav_tracker_ros.trackers.registry.create` from its name.
"""
