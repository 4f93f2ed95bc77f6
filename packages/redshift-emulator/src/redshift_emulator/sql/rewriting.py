"""The state of a statement that is being rewritten, for the modules that each rewrite a part of it."""

from __future__ import annotations

from sqlglot import exp

from ..catalogue.tables import Catalogue


class NeedsCatalogueError(Exception):
    """The rewriting depends on the columns of a table."""


class Rewriting:
    """One statement being rewritten.

    Args:
        tree: The statement; changed in place.
        nodes: Every node of the statement, each before those below it.
        catalogue: Knows the columns of tables; without it, a rewriting that needs them raises NeedsCatalogueError.

    Attributes:
        changed: Whether anything differs from what the client wrote.
        attributes: A comment to append to the statement, for the event trigger of catalogue.sql.
        has_lateral_aliases: Whether a column may be an alias of the same SELECT list.
        has_try_cast: Whether a step of the query may parse text.
    """

    def __init__(self, tree: exp.Expression, nodes: list[exp.Expression], catalogue: Catalogue | None) -> None:
        self.tree = tree
        self.nodes = nodes
        self.catalogue = catalogue
        self.changed = False
        self.attributes = ""
        columns = {node.name.lower() for node in nodes if type(node) is exp.Column and not node.args.get("table")}
        aliases = {node.alias.lower() for node in nodes if type(node) is exp.Alias}
        self.has_lateral_aliases = bool(columns & aliases)
        self.has_try_cast = any(type(node) is exp.TryCast for node in nodes)

    def replace(self, node: exp.Expression, new: exp.Expression, name: str = "") -> None:
        """Put a node in another's place, under the name that a column has from it, if that differs."""
        self.changed = True
        if name and isinstance(node.parent, exp.Select) and node.arg_key == "expressions":
            new = exp.alias_(new, name, copy=False)
        if node is self.tree:
            self.tree = new
        else:
            node.replace(new)

    def keep_attributes(self, attributes: str) -> None:
        """Have the catalogue keep attributes of the table that is made or altered."""
        self.attributes = f"\n/*redshift {attributes}*/"
        self.changed = True

    def asked(self) -> Catalogue:
        """Return the catalogue.

        Raises:
            NeedsCatalogueError: There is none.
        """
        if self.catalogue is None:
            raise NeedsCatalogueError
        return self.catalogue
