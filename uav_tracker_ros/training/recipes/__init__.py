"""One recipe a family, read top to bottom."""
