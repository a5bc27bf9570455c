"""Pictures in, weights out: scenes, losses, recipes. Runs from the source tree with torch, NumPy and OpenCV alone."""
