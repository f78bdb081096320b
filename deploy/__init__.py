"""Running: what goes into the container."""
