"""Figures and metrics: what tracked and flown runs are judged by."""
