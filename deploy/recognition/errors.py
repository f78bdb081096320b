"""Errors that a user can mend."""


class UserError(Exception):
    """A mistake in what was given: the message says what was expected, what was found and what to do."""


class UnknownFormat(UserError):
    """It begins like no file of the accepted formats."""


class DamagedPhoto(UserError):
    """It begins like a photo but cannot be decoded."""


class TooManyPixels(UserError):
    """It is larger than allowed; found before anything of it was decoded."""


class TooFewPixels(UserError):
    """It is too small to show a meter."""


class TooMuchWork(UserError):
    """It is made to keep a decoder busy; found before anything of it was decoded."""


class MissingLibrary(UserError):
    """It needs a library that is not installed."""
