"""The mutations: each takes one protection, permission or rule of the database away.

Of the access: a policy or trigger is dropped; a grant on a table, column, function or schema is revoked; an open policy
lets everything through; an unguarded table has row-level security off. Of the tables: a check, a foreign key, what is
unique, what may not be null, and the check of a domain. Of the functions: a refusal that is never said, a lock that is
never taken, and a step (`perform private.…`) that is left out or, where it answers the account, answers it unasked. Of
the functions that say who may do or see what: a condition (`and …`).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

_DROPPED = """
set search_path = pg_catalog, pg_temp;
select 'policy', format('drop policy %I on %s', p.polname, p.polrelid::regclass), array[p.polrelid::regclass::text],
    '{}'::text[]
from pg_catalog.pg_policy p
union all
select 'open', format('alter policy %I on %s using (true)', p.polname, p.polrelid::regclass),
    array[p.polrelid::regclass::text], '{}'
from pg_catalog.pg_policy p
where p.polcmd <> 'a'
union all
select 'open', format('alter policy %I on %s with check (true)', p.polname, p.polrelid::regclass),
    array[p.polrelid::regclass::text], '{}'
from pg_catalog.pg_policy p
where p.polcmd in ('a', 'w')
union all
select 'unguarded', format('alter table %s disable row level security', c.oid::regclass),
    array[c.oid::regclass::text], '{}'
from pg_catalog.pg_class c
where c.relnamespace = 'mpp'::regnamespace and c.relkind in ('r', 'p')
union all
select 'trigger', format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass), array[t.tgrelid::regclass::text],
    array['private.' || f.proname]
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc f on f.oid = t.tgfoid and f.pronamespace = 'private'::regnamespace
where not t.tgisinternal
union all
select 'table', format('revoke %s on %s from %s', g.privilege_type, c.oid::regclass, g.grantee::regrole),
    array[c.oid::regclass::text], '{}'
from pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) g
where c.relnamespace in ('api'::regnamespace, 'mpp'::regnamespace)
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role')
union all
select 'column',
    format('revoke %s (%I) on %s from %s', g.privilege_type, a.attname, c.oid::regclass, g.grantee::regrole),
    array[c.oid::regclass::text], '{}'
from pg_catalog.pg_class c
join pg_catalog.pg_attribute a on a.attrelid = c.oid, pg_catalog.aclexplode(a.attacl) g
where c.relnamespace in ('api'::regnamespace, 'mpp'::regnamespace)
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role')
union all
select 'function', format('revoke execute on function %s from %s', p.oid::regprocedure, g.grantee::regrole),
    '{}', array[p.pronamespace::regnamespace || '.' || p.proname]
from pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) g
where p.pronamespace in ('api'::regnamespace, 'private'::regnamespace, 'request'::regnamespace)
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role')
union all
select 'schema', format('revoke %s on schema %s from %s', g.privilege_type, n.nspname, g.grantee::regrole), '{}', '{}'
from pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) g
where n.nspname in ('api', 'mpp', 'private', 'request')
    and g.grantee::regrole::text in ('anon', 'authenticated', 'service_role', 'mpp_owner')
    and g.privilege_type = 'USAGE'
union all
-- With the tables that hold the key and those it points to: what is deleted there may go on here.
select case k.contype when 'c' then 'check' when 'f' then 'foreign' else 'unique' end,
    format('alter table %s drop constraint %I cascade', k.conrelid::regclass, k.conname),
    array_remove(array[k.conrelid::regclass::text, nullif(k.confrelid, 0)::regclass::text], null),
    array[k.conname::text]
from pg_catalog.pg_constraint k
where k.connamespace = 'mpp'::regnamespace and k.contype in ('c', 'f', 'u', 'x') and k.conrelid <> 0
union all
select 'unique', format('drop index %s', i.indexrelid::regclass),
    array[i.indrelid::regclass::text], array[c.relname::text]
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relnamespace = 'mpp'::regnamespace
where i.indisunique and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid)
union all
-- A column with a default is never null by being forgotten.
select 'null', format('alter table %s alter %I drop not null', c.oid::regclass, a.attname),
    array[c.oid::regclass::text], array[c.relname || '.' || a.attname]
from pg_catalog.pg_class c
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'mpp'::regnamespace and c.relkind = 'r'
    and a.attnotnull and not a.atthasdef and a.attidentity = ''
    and not exists (
        select from pg_catalog.pg_constraint k
        where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any (k.conkey)
    )
union all
select 'domain', format('alter domain %s drop constraint %I', k.contypid::regtype, k.conname),
    array(select distinct a.attrelid::regclass::text from pg_catalog.pg_attribute a where a.atttypid = k.contypid),
    array[k.conname::text]
from pg_catalog.pg_constraint k
join pg_catalog.pg_type t on t.oid = k.contypid and t.typnamespace in ('api'::regnamespace, 'mpp'::regnamespace)
order by 1, 2
"""

_FUNCTIONS = """
select n.nspname || '.' || p.proname, p.prosrc, pg_catalog.pg_get_functiondef(p.oid)
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_language l on l.oid = p.prolang
where n.nspname in ('api', 'mpp', 'private', 'request') and p.prosqlbody is null and l.lanname in ('plpgsql', 'sql')
order by 1, p.oid
"""

_ACCOUNT_OF = """
select n.nspname || '.' || p.proname
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'private' and p.proname ~ '^begin_' and p.prorettype = 'uuid'::regtype
"""

KINDS = (
    "policy", "trigger", "table", "column", "function", "schema", "open", "unguarded",
    "check", "foreign", "unique", "null", "domain", "refusal", "lock", "step", "condition",
)  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One change: its name, the statement that makes it, and what a test that notices it would touch.

    ``tables`` are schema.table, ``functions`` schema.function; ``named`` are constraints that an error would name, and
    ``line`` is the line of a function at which a refusal is said.
    """

    kind: str
    name: str
    statement: str
    tables: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    line: int | None = field(default=None, compare=False)


def mutations(db: psycopg.Connection[Any]) -> list[Mutation]:
    """Every mutation of a loaded database."""
    cursor = db.execute(_DROPPED)
    cursor.nextset()
    found = []
    for kind, statement, tables, named in cursor:
        functions = tuple(named) if kind in ("function", "trigger") else ()
        found.append(Mutation(kind, statement, statement, tuple(tables), functions, tuple(named)))
    accounts = [name for (name,) in db.execute(_ACCOUNT_OF)]
    for function, source, definition in db.execute(_FUNCTIONS):
        found += _of_function(function, source, definition, accounts)
    return found


#: The functions that say who may do or see what.
_DECIDES = re.compile(r"(private\.(begin|is|my|require|signed)|request\.\w+?)_")
#: What ends a condition, unless it stands in brackets that the condition opened.
_ENDS = re.compile(
    r"\s+(and|or|then|loop|(left )?join|where|order by|group by|limit|for (no key )?(update|share)|union|returning)\b"
    r"|[,;]|\s*$"
)
_PERFORM = re.compile(r"\bperform (private\.(\w+))\(")
#: A refusal in the words of the function itself.
_RAISE = re.compile(r"\braise exception\b[^;]*")


def _of_function(function: str, source: str, definition: str, accounts: list[str]) -> list[Mutation]:
    """A mutation for each `perform private.…` and `raise` of a function, and for each account that a step answers."""
    assert definition.count(source) == 1, function
    plain = _without_comments(source)
    changes: list[tuple[str, int, int, str]] = []
    for match in _PERFORM.finditer(plain):
        end = _end_of_statement(plain, match.end())
        called = match[2]
        kind = "refusal" if called == "refuse" else "lock" if called.startswith("lock_") else "step"
        changes.append((kind, match.start(), end, "null"))
    for match in _RAISE.finditer(plain):
        changes.append(("refusal", match.start(), match.end(), "null"))
    for name in accounts:
        for match in re.finditer(rf"(?<!perform )(?<!function ){re.escape(name)}\(", plain):
            changes.append(("step", match.start(), _closing(plain, match.end()) + 1, "auth.uid()"))
    if _DECIDES.match(function):
        for match in re.finditer(r"\sand\s", plain):
            if not re.search(r"\bbetween\s+[\w.:-]+$", plain[: match.start()]):
                changes.append(("condition", match.start(), _end_of_condition(plain, match.end()), ""))
    found = []
    seen: Counter[str] = Counter()
    for kind, start, end, instead in sorted(changes, key=lambda change: change[1]):
        text = " ".join(source[start:end].split())
        name = f"{function}: {text}"
        seen[name] += 1
        if seen[name] > 1:
            name += f" #{seen[name]}"
        changed = source[:start] + instead + source[end:]
        # A statement's line is that of its first word; the text of a function begins on line 1.
        line = source.count("\n", 0, start) + 1
        found.append(Mutation(kind, name, definition.replace(source, changed), functions=(function,), line=line))
    return found


def _without_comments(source: str) -> str:
    """The same text, as long, with blanks for comments and underscores for what is quoted."""
    hidden = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
    return hidden.sub(lambda match: re.sub(r"[^\n]", " " if match[0].startswith("-") else "_", match[0]), source)


def _closing(plain: str, start: int) -> int:
    """Where the bracket that was opened just before ``start`` closes."""
    depth = 1
    for place in range(start, len(plain)):
        depth += {"(": 1, ")": -1}.get(plain[place], 0)
        if depth == 0:
            return place
    raise ValueError("a bracket is never closed")


def _end_of_statement(plain: str, start: int) -> int:
    return plain.index(";", _closing(plain, start))


def _end_of_condition(plain: str, start: int) -> int:
    """Where the condition that begins at ``start`` ends."""
    depth = 0
    for place in range(start, len(plain)):
        depth += {"(": 1, ")": -1}.get(plain[place], 0)
        if depth < 0 or (depth == 0 and _ENDS.match(plain, place)):
            return place
    return len(plain)
