"""Template and search pairs for training: from stills, from clips, and composed of cut-outs over backgrounds."""
