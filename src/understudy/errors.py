"""The two kinds of bad input, each told to the user in one sentence.

ParameterError -- a value in params.yaml or on the command line is wrong (exit code 2)
DataError      -- a file or a number computed from it is wrong (exit code 1)
"""


class ParameterError(ValueError):
    """A parameter is wrong; the message names the key, what was expected and what came."""


class DataError(ValueError):
    """Data is missing or wrong; the message names the file, what was expected and what came."""
