"""One file per step, by number."""
