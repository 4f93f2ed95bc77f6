"""What is told to whoever deploys, in one sentence."""


class DeployError(Exception):
    """Something that the reader can mend: the message says what is wrong and what to do."""
