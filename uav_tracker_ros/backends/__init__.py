"""Run a network's static graphs: arrays in, arrays out. Knows no boxes and no tracker family."""
