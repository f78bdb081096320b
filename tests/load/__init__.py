"""Load on a running server: scripts for a quiet machine, which pytest does not collect."""
