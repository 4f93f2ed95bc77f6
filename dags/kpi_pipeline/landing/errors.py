"""What landing says when it stops."""


class LandingError(Exception):
    """A file, or the bucket, is not what it should be: one sentence that names it and says what to do.

    Trying again does not help before somebody has mended it.
    """


class TransientLandingError(Exception):
    """Something moved while the load ran; it was rolled back, and the next try starts from what is there then."""
