"""Motion to autopilot: the gate (the only owner of the link) and the controller's end of its socket."""
