"""The one error that the command line shows as a sentence instead of a stack trace."""


class WorkbenchError(Exception):
    """Something that the user can understand and act on, said in one sentence."""
