"""The HTTP server around recognition."""
