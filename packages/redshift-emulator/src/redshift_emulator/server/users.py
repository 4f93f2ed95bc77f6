"""The users that may log in, as the database keeps them."""

from __future__ import annotations

import hmac

from ..names import fold, literal, quoted
from ..postgres.cluster import Cluster
from . import login


class Users:
    """Makes users and checks their passwords.

    Args:
        cluster: Where the users are.
        administrator: The administrator's name.
        password: The administrator's password; held in memory, never written. It also signs IAM's passwords.
    """

    def __init__(self, cluster: Cluster, administrator: str, password: str) -> None:
        self.cluster = cluster
        self.administrator = administrator
        self.password = password

    def make(self, name: str, rights: str = "") -> None:
        """Make a user, if there is none of that name."""
        role = quoted(name)
        self.cluster.ask(
            f"do $$ begin create role {role} login {rights}; exception when duplicate_object then null; end $$"
        )

    def find(self, name: str) -> str:
        """Return the user that a client means: a name that was created with capitals is found by them, others fold."""
        folded = fold(name)
        known = name == folded or self.cluster.ask(
            f"select 1 from pg_catalog.pg_authid where rolname = {literal(name)}"
        )
        return name if known else folded

    def is_password(self, requested: str, name: str, password: str) -> bool:
        """Return whether a password is right.

        Args:
            requested: The name that the client gave, with IAM's prefix if it has one.
            name: The user's name.
            password: What the client gave.
        """
        if requested != login.user_name(requested):
            return login.is_temporary_password(self.password, requested, password)
        if name == self.administrator:
            return hmac.compare_digest(password.encode(), self.password.encode())
        rows = self.cluster.ask(
            f"select rolpassword from pg_catalog.pg_authid where rolcanlogin and rolname = {literal(name)}"
        )
        return bool(rows and rows[0][0]) and login.is_right_password(str(rows[0][0]), name, password)
