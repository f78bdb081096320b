"""Drawn meters: windows, faces and whole photos with exact labels."""
