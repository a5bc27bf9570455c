"""Pixels to motion: camera model, target estimate, control law, limits, states. Pure: no clock, no ROS."""
