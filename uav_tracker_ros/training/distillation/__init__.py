"""Learning from a larger network: knows features, maps and masks, not families."""
