"""What a process of the server is doing."""

LOADING, READY, DRAINING, STOPPED = STATES = ("loading", "ready", "draining", "stopped")
