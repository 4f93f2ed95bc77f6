"""Every statement: which Redshift has, what becomes of it, and what is refused by name.

A statement that is not in the table at the end of this file is refused: PostgreSQL has it and Redshift does not, or
Redshift has it and the emulator does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..errors import NOT_SUPPORTED, RedshiftError, missing, syntax_error, unsupported_command
from ..names import NAME, literal, read_list, regclass
from ..protocol.messages import IDLE
from . import ddl, materialized, refusals
from .copy import parse
from .grammar import nodes_of, read, tokenize
from .identifiers import without_databases
from .query import Query, rewritten
from .show import show
from .statement import Action, Session

CREATE_VIEW = re.compile(
    r"(create\s+(?:or\s+replace\s+)?view\s.*?\sas\b)(.*?)(\s*with\s+no\s+schema\s+binding)?", re.I | re.S
)
SETTINGS = read_list(Path(__file__).parent / "settings.txt")
SHARED_SETTINGS = read_list(Path(__file__).parent / "shared_settings.txt")
DIGEST = r"\bpassword\s+'(sha256\|[0-9a-f]{64}\|(?:[0-9a-f]{2})+)'"
ISOLATION = r"transaction\s+isolation\s+level"
# What a statement that the emulator lacks is called: its first words, without the names that follow them
NAMED_BY_ONE_WORD = r"(?:call|cancel|unload|use)\b"
NAMED_BY_MORE = r"[a-z]+\s+(?:(?:materialized|external|copy|masking|rls|identity)\s+)?[a-z]+"


def passed(body: str) -> str:
    """Pass on a statement that PostgreSQL and Redshift share."""
    return body


def create_view(body: str) -> Query | Action:
    """Translate CREATE VIEW, bound or late-binding."""
    found = CREATE_VIEW.fullmatch(body)
    if not found:
        raise syntax_error()
    if not found[3]:
        return Query(
            found[2], re.sub(r'\bview\s+(?="#)', "temporary view ", f"{found[1]} ", flags=re.I), makes_columns=True
        )
    if any(not table.db for table in refusals.tables(nodes_of(read(tokenize(found[2]), found[2])))):
        message = "All the relation names inside should be qualified when creating views with no schema binding."
        raise RedshiftError(message, NOT_SUPPORTED)

    def run(session: Session) -> str:
        sql = rewritten(found[2], session.catalogue, makes_columns=True)
        with session.postgres.together():
            name = re.search(rf"view\s+({NAME})\s+as\b", found[1], re.I)[1]  # type: ignore[index]
            if not (re.match(r"create\s+or\s+replace", body, re.I) and session.catalogue.table_id(name)):
                session.postgres.query(f"{found[1]} select where pg_redshift.unresolved()")
            session.postgres.query(f"select pg_redshift.bind_late({regclass(name)}, {literal(sql)})")
        return "CREATE VIEW"

    return run


def alter_table(body: str) -> str | Query | Action:
    """Translate ALTER TABLE: keys are information, and one column at a time is added."""
    found = re.fullmatch(rf"alter\s+table\s+({NAME})\s+((\w+)(?:\s+(\w+))?.*)", body, re.I | re.S)
    if not found:
        raise syntax_error()
    table, change, verb, noun = found[1], found[2], found[3].upper(), (found[4] or "").upper()
    if re.match(r"\w+\s+(?:column\s+)?if\s", change, re.I):
        raise syntax_error("exists")
    if verb == "ADD" and noun in ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
        if re.search(r"\bcheck\b", change, re.I):
            raise syntax_error("check")
        return keep(table, lambda session: ddl.added_keys(body, table, session.catalogue))
    if verb == "ADD":
        return Query(body)
    if verb == "ALTER" and re.search(r"\b(?:diststyle|distkey|sortkey|encode)\b", change, re.I):
        attributes = ddl.altered(change)
        return keep(table, lambda session: attributes)
    if verb == "ALTER":
        if not re.search(r"\stype\s+(varchar|character\s+varying)\s*\(\s*\d+\s*\)$", change, re.I):
            raise RedshiftError("ALTER COLUMN TYPE is only supported for the size of a VARCHAR", NOT_SUPPORTED)
        return outside_transaction(body, "ALTER TABLE ALTER COLUMN")
    if verb not in ("DROP", "RENAME", "OWNER"):
        raise syntax_error(noun.lower() if verb == "SET" else verb.lower())
    if "," in change:
        raise syntax_error(",")
    return body


def keep(table: str, attributes: Callable[[Session], str]) -> Action:
    """Keep what ALTER says of keys and encodings, for the catalogue and for INSERT; only the owner may."""

    def run(session: Session) -> str:
        with session.postgres.together():
            session.postgres.query(f"alter table {table} reset (fillfactor)")  # it has to exist, and be the user's own
            session.postgres.query(
                f"select pg_redshift.set_attributes({regclass(table)}, {literal(attributes(session))})"
            )
        return "ALTER TABLE"

    return run


def outside_transaction(sql: str, name: str) -> Action:
    """Run what Redshift does not run between BEGIN and COMMIT."""

    def run(session: Session) -> str:
        if session.postgres.transaction != IDLE:
            raise RedshiftError(f"{name} cannot run inside a transaction block", "25001")
        session.postgres.query(sql)
        return session.postgres.tag

    return run


def copy(body: str) -> Action:
    """Translate COPY from S3."""
    command = parse(body)
    return lambda session: session.copy(command)


def user(body: str) -> str | Action:
    """Translate CREATE and ALTER USER; a digest of SHA-256 is kept as it is, for the log-in to compare."""
    found = re.search(DIGEST, body, re.I)
    if not found and re.search(r"\bpassword\s+'sha256\|", body, re.I):
        raise missing("digests of passwords other than sha256|64 hexadecimal digits|a hexadecimal salt")
    if not found:
        return body
    name = re.match(rf"\w+\s+user\s+({NAME})", body, re.I)
    if not name:
        raise syntax_error()

    def run(session: Session) -> str:
        with session.postgres.together():
            session.postgres.query(body.replace(found[0], "password null"))
            tag = session.postgres.tag
            session.postgres.query(f"select pg_redshift.keep_password('{name[1].strip(chr(34))}', '{found[1]}')")
        return tag

    return run


def in_database(sql: str, databases: set[str]) -> Action:
    """Run a statement that names its database, which has to be the one that the client is connected to."""

    def run(session: Session) -> str:
        (current,) = session.postgres.names("select current_database()")
        if others := databases - {current}:
            raise missing(f"statements on the schemas of another database ({min(others)})")
        session.postgres.query(sql)
        return session.postgres.tag

    return run


def truncate(body: str) -> Action:
    """Translate TRUNCATE, which commits the transaction in which it runs (r_TRUNCATE.html)."""
    if not (found := re.match(rf"truncate\s+(?:table\s+)?{NAME}\s*(\S*)", body, re.I)) or found[1]:
        raise syntax_error(found[1] if found else body)

    def run(session: Session) -> str:
        session.postgres.query(body)
        if session.postgres.is_in_transaction:
            session.postgres.query("commit")
        return "TRUNCATE TABLE and COMMIT TRANSACTION"

    return run


def vacuum(body: str) -> Action:
    """Translate VACUUM in each of its kinds."""
    kinds = r"full|sort\s+only|delete\s+only|reindex|recluster"
    found = re.fullmatch(
        rf"vacuum(?:\s+(?:{kinds}))?(?:\s+({NAME}))?(?:\s+to\s+\d+\s+percent)?(?:\s+boost)?", body, re.I
    )
    if not found:
        raise syntax_error("vacuum", 1)
    return outside_transaction(f"vacuum {found[1] or ''}", "VACUUM")


def setting(body: str) -> str:
    """Translate SET, SHOW and RESET; Redshift's own settings are kept and have no effect."""
    scope = r"((?:local|session)\s+(?=\w+\s*(?:=|to\b)))?"
    verb, local, name, rest = re.match(rf'(\w+)\s+{scope}(\w+|"\w+")?(.*)', body, re.S | re.I).groups()  # type: ignore[union-attr]
    verb, name = verb.lower(), (name or "").strip('"').lower()
    if verb == "show" and (query := show(body)):
        return query
    if (verb, name) == ("reset", "use"):
        raise missing("RESET USE")
    if name in SETTINGS:
        on = re.search(r"(?:to|=)\s*'?(?:on|true|1)\b", rest, re.I)
        if name in ("enable_case_sensitive_identifier", "describe_field_name_in_uppercase") and on:
            raise missing(f"the setting {name} = on")
        if verb == "show":
            value = f"nullif(current_setting('redshift.{name}', true), '')"
            return f"select coalesce({value}, 'unset') as {name}"
        return f"{verb} {local or ''}redshift.{name}{rest}"
    if verb == "show" and (name == "default_transaction_isolation" or re.fullmatch(ISOLATION, f"{name}{rest}", re.I)):
        column = "default_transaction_isolation" if rest == "" else "transaction_isolation"
        return f"select 'serializable' as {column}"
    if verb == "show" and name == "server_version":
        return "select '8.0.2' as server_version"
    if verb == "show" and name == "statement_timeout":  # PostgreSQL shows its unit
        return f"select setting as {name} from pg_catalog.pg_settings where name = '{name}'"
    if name not in SHARED_SETTINGS:
        raise RedshiftError(f'unrecognized configuration parameter "{name}"', "42704")
    return body


def begin(body: str) -> str:
    """Translate BEGIN; the isolation level is the database's (r_BEGIN.html)."""
    return "begin read only" if re.search(r"read\s+only", body, re.I) else "begin"


def explain(body: str) -> Query:
    """Translate EXPLAIN; the plan is PostgreSQL's."""
    found = re.fullmatch(r"(explain\s+(?:verbose\s+)?)(.*)", body, re.I | re.S)
    if not found or re.match(r"analy[sz]e\b", found[2], re.I):
        raise syntax_error("analyze")
    return Query(found[2], found[1])


def cursor(body: str) -> Query:
    """Translate DECLARE CURSOR and PREPARE, whose query is one like any other."""
    found = re.fullmatch(r"((?:declare|prepare)\s.*?\s(?:for|as)\s)(.*)", body, re.I | re.S)
    if not found:
        raise unsupported_command(body)
    return Query(found[2], found[1])


def function(body: str) -> str | Query:
    """Translate CREATE FUNCTION in SQL."""
    found = re.fullmatch(r"(.*?\bas\s+(\$\w*\$))(.*)(\2.*)", body, re.I | re.S)
    return Query(found[3], found[1], found[4]) if found else body


def not_here(body: str) -> str:
    """Refuse what Redshift has and the emulator lacks."""
    words = re.match(NAMED_BY_ONE_WORD, body, re.I) or re.match(
        NAMED_BY_MORE, re.sub(r"\bor\s+replace\s+", "", body, flags=re.I), re.I
    )
    raise missing(" ".join(words[0].upper().split()) if words else body)


def not_in_redshift(body: str) -> str:
    """Refuse what PostgreSQL has and Redshift lacks."""
    raise unsupported_command(body)


def only_in_postgres(body: str) -> str:
    """Refuse statements whose first word Redshift's grammar does not know."""
    raise syntax_error(body.split()[0], 1)


# What the emulator lacks of statements that it has: how such a statement starts, and what to say
MISSING = [
    (r"alter\s+table\s+\S+\s+append\b", "ALTER TABLE APPEND"),
    (r"analyze\s+compression\b", "ANALYZE COMPRESSION"),
    (r"alter\s+schema\s+\S+\s+quota\b", "ALTER SCHEMA ... QUOTA"),
    (
        r"create\s+database\b.*\b(?:isolation\s+level|collate)\b",
        "CREATE DATABASE with an isolation level or collation",
    ),
    (r"create\s+(?:or\s+replace\s+)?function\b(?!.*\blanguage\s+'?sql\b)", "functions in Python or Lambda"),
    (r"(?:grant|revoke)\b.*\b(?:datashare|model|external|copy\s+job|assumerole|language)\b", "GRANT on these objects"),
    (r"(?:grant|revoke)\b.*\busage\s+on\s+database\b", "GRANT on these objects"),
    (r"(?:grant|revoke)\s[\w\s,]*?\bdrop\b[\w\s,]*?\bon\b", "GRANT DROP"),
    (r"(?:grant|revoke)\s[\w\s,]*?\balter\b[\w\s,]*?\bon\b", "GRANT ALTER"),
    (r"(?:grant|revoke)\b(?!\s+role\b)(?!.*\bon\b)", "GRANT of system permissions"),
]
# Options that PostgreSQL writes otherwise, or that have no effect here: statement, option, PostgreSQL's text
REPLACED = [
    (r"(?:create|alter)\s+user\b", r"\bpassword\s+'sha256\|([^|']*)'", r"password '\1'"),
    (r"(?:grant|revoke)\b", r"\b(sys:(?:dba|monitor|operator|secadmin|superuser))\b", r'"\1"'),
    (r"(?:create|alter)\s+user\b", r"\bpassword\s+disable\b", "password null"),
    (r"(?:create|alter)\s+user\b", r"\b(no)?createuser\b", r"\1superuser"),
    (r"(?:create|alter)\s+user\b", r"\b(connection\s+limit)\s+unlimited\b", r"\1 -1"),
    (r"(?:create|alter)\s+user\b", r"\b(?:syslog\s+access\s+\w+|session\s+timeout\s+\d+|externalid\s+'[^']*')", ""),
    (r"(?:create|alter)\s+schema\b", r"\bquota\s+(?:unlimited|\d+\s*(?:mb|gb|tb)?)", ""),
    (r"alter\s+database\b", r"\bisolation\s+level\s+(serializable)", r"set default_transaction_isolation = '\1'"),
    (r"alter\s+database\b", r"\bisolation\s+level\s+snapshot", "set default_transaction_isolation = 'repeatable read'"),
    (r"analy[sz]e\b", r"\s+(?:predicate|all)\s+columns\s*$", ""),
    (r"(?:grant|revoke)\b", r"\brole\s+(?=[\w\"])", ""),
    (r"delete\b", r"^delete\s+(?!from\b)", "delete from "),
]
STATEMENTS = [
    (re.compile(rf"(?:{words})(?!\w)", re.I), handle)
    for words, handle in [
        (r"\(*\s*(?:select|with|insert|update|delete|merge)|create\s+(?:local\s+)?(?:temp(?:orary)?\s+)?table", Query),
        (r"begin|start\s+transaction", begin),
        (r"commit|end|rollback|abort|lock|comment\s+on|fetch|close|deallocate|execute", passed),
        (r"create\s+(?:or\s+replace\s+)?view", create_view),
        (r"copy(?!\s+job)", copy),
        (r"truncate", truncate),
        (r"alter\s+table", alter_table),
        (r"drop\s+(?:table|view|schema|user|group|role|database|function)", passed),
        (r"set|show|reset", setting),
        (r"vacuum", vacuum),
        (r"explain", explain),
        (r"declare|prepare", cursor),
        (r"create\s+(?:group|role)|alter\s+(?:group|role|default\s+privileges)", passed),
        (r"(?:create|alter)\s+user", user),
        (r"(?:create|alter)\s+(?:schema|database)|grant|revoke|analy[sz]e", passed),
        (r"create\s+(?:or\s+replace\s+)?function", function),
        (r"create\s+materialized\s+view", materialized.create),
        (r"drop\s+materialized\s+view", materialized.drop),
        (r"alter\s+materialized\s+view", materialized.alter),
        (r"refresh\s+materialized\s+view", materialized.refresh),
        (r"unload|call|cancel|refresh|use|(?:create|alter|drop)\s+(?:or\s+replace\s+)?"
         r"(?:materialized|procedure|external|datashare|model|library|masking|rls|identity|copy\s+job)|"
         r"copy\s+job", not_here),
        (r"values|table", only_in_postgres),
        (r"create|alter|drop|savepoint|release|do|listen|unlisten|notify|cluster|reindex|checkpoint|load|discard|"
         r"security|import|move|reassign", not_in_redshift),
    ]
]  # fmt: skip


def plan(body: str) -> str | Query | Action:
    """Return PostgreSQL's text of a statement, the query in it, or what is to be done for it."""
    for pattern, what in MISSING:
        if re.match(pattern, body, re.I | re.S):
            raise missing(what)
    for statement, option, text in REPLACED:
        if re.match(statement, body, re.I):
            body = re.sub(option, text, body, flags=re.I)
    handle = next((handle for pattern, handle in STATEMENTS if pattern.match(body)), passed)
    if handle is passed:
        body, databases = without_databases(body)
        return in_database(body, databases) if databases else body
    return handle(body)  # without a handler it is no statement: PostgreSQL says at which word
