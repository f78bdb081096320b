"""Errors that a user can mend."""


class UserError(Exception):
    """A mistake in what was given: the message says what was expected, what was found and what to do."""
