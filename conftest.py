"""Keeps pytest from taking scripts for tests."""

from pathlib import Path

collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py")]
