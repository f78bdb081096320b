"""Tests of the reading of many photos."""
