"""The bytes of the PostgreSQL protocol, which Redshift speaks too: messages, and sockets that exchange them."""
