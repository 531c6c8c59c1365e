"""What goes wrong with uploads and is nobody's mistake who uploads."""


class UploadsUnavailableError(OSError):
    """The storage of uploads, or something else that they need, does not work now. Says what, for the operator."""
