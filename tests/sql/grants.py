"""Who is granted what, as text: the golden file of the grants is what this prints.

After a grant or a policy was changed on purpose, write the file anew and read the difference before committing it:

    python -m tests.sql.grants
"""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from tests.support.game import Connection

GOLDEN = Path(__file__).with_name("grants.golden")

_SCHEMAS = "('api', 'mpp', 'private', 'request')"
_ROLES = "('anon', 'authenticated', 'service_role', 'mpp_dashboard', 'public')"

_QUERY = f"""
with acl as (
    select 'schema ' || n.nspname as object, n.nspacl as acl
    from pg_namespace n where n.nspname in {_SCHEMAS}
    union all
    select case c.relkind when 'v' then 'view ' when 'S' then 'sequence ' else 'table ' end || c.oid::regclass::text,
        c.relacl
    from pg_class c where c.relnamespace::regnamespace::text in {_SCHEMAS}
    union all
    select 'column ' || c.oid::regclass::text || '.' || a.attname, a.attacl
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace::regnamespace::text in {_SCHEMAS} and not a.attisdropped
    union all
    select 'function ' || p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_proc p where p.pronamespace::regnamespace::text in {_SCHEMAS}
), granted as (
    select acl.object, lower(g.privilege_type) as privilege,
        case g.grantee when 0 then 'public' else pg_get_userbyid(g.grantee) end as role
    from acl cross join lateral aclexplode(acl.acl) g
)
select format('grant %s on %s to %s', privilege, object, role)
from granted where role in {_ROLES} or (role = 'mpp_owner' and object like 'schema %')
union all
select format('policy %s on %s for %s to %s%s', p.polname, p.polrelid::regclass,
    case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete'
        else 'all' end,
    (
        select string_agg(case r.oid when 0 then 'public' else pg_get_userbyid(r.oid) end, ', ' order by 1)
        from unnest(p.polroles) r (oid)
    ),
    case when p.polpermissive then '' else ' (restrictive)' end)
from pg_policy p
union all
select format('trigger %s on %s', t.tgname, t.tgrelid::regclass)
from pg_trigger t join pg_class c on c.oid = t.tgrelid
join pg_proc f on f.oid = t.tgfoid
where not t.tgisinternal and 'private'::regnamespace = f.pronamespace
"""


def grants(db: Connection) -> list[str]:
    """Every grant to the API's roles, every policy and every trigger of our schemas, one a line, sorted."""
    db.execute("set local search_path = ''")
    return sorted(row[0] for row in db.execute(_QUERY))


def main() -> None:
    """Write the golden file from a fresh database."""
    from tests.support.loaded_postgres import loaded_postgres

    with loaded_postgres() as server, psycopg.connect(server.url()) as db:
        GOLDEN.write_text("\n".join(grants(db)) + "\n")
    print(f"{GOLDEN}: {len(GOLDEN.read_text().splitlines())} lines", file=sys.stderr)


if __name__ == "__main__":
    main()
