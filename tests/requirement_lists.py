"""The container's lists of packages."""


def pins_of(path):
    """Returns the versions of a list's packages by name."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)
