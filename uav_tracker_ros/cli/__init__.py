"""The command line ``uav-tracker``: one file a command."""
