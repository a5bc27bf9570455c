"""SiamCAR on an AlexNet-like trunk, and its pruned forms."""
