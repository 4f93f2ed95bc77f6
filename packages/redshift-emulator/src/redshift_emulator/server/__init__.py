"""Where clients connect: the listener, the log-in, and the session of each client."""
