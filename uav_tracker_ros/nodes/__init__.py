"""The ROS shell: thin nodes around the pure core. The only room that imports rclpy."""
