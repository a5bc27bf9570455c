"""The world without hardware: rendered camera, flight model, a stand-in for PX4, scenarios. Seeded, no ROS."""
