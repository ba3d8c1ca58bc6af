"""Rules that hold for every object of the database, read from its catalogs."""

from __future__ import annotations

import keyword
import re
import uuid
from collections.abc import Iterator

import pytest

from tests.support.game import Jsonb

from .grants import GOLDEN, grants

OURS = "('api'::regnamespace, 'mpp'::regnamespace, 'private'::regnamespace, 'request'::regnamespace)"
CLIENTS = ("anon", "authenticated", "service_role")


def names(game, query: str) -> list[str]:
    """The texts that a query finds: what breaks a rule."""
    return [str(next(iter(row.values()))) for row in game.rows(query)]


def test_the_grants_policies_and_triggers_are_those_of_the_golden_file(db):
    expected = GOLDEN.read_text().splitlines()
    found = grants(db)
    assert found == expected, {
        "new": sorted(set(found) - set(expected)),
        "gone": sorted(set(expected) - set(found)),
        "on purpose?": "python -m tests.sql.grants",
    }


def test_row_level_security_is_on_and_forced_on_every_table(game):
    assert names(
        game,
        f"select oid::regclass::text from pg_class where relnamespace in {OURS} and relkind in ('r', 'p')"
        " and not (relrowsecurity and relforcerowsecurity)",
    ) == []  # fmt: skip


def test_tables_live_in_mpp_and_views_in_api(game):
    assert (
        names(
            game,
            f"select oid::regclass::text from pg_class where relnamespace in {OURS} and relkind not in"
            f" ('i', 'I', 'S', 'c', 't')"
            " and not (relkind in ('r', 'p') and relnamespace = 'mpp'::regnamespace)"
            " and not (relkind = 'v' and relnamespace = 'api'::regnamespace)"
            # What the rankings share.
            " and oid::regclass::text not in ('mpp.value_rank', 'mpp.value_count', 'mpp.score_change')",
        )
        == []
    )


def test_tables_and_views_belong_to_a_role_that_neither_logs_in_nor_bypasses_row_level_security(game):
    owners = names(
        game,
        "select distinct pg_get_userbyid(relowner) from pg_class where relkind in ('r', 'p', 'v')"
        " and relnamespace in ('mpp'::regnamespace, 'api'::regnamespace)",
    )
    assert owners == ["mpp_owner"]
    (role,) = game.rows("select * from pg_roles where rolname = 'mpp_owner'")
    assert not any(role[right] for right in ("rolbypassrls", "rolcanlogin", "rolsuper", "rolcreaterole"))


def test_every_policy_names_its_roles(game):
    assert names(game, "select polname from pg_policy where 0 = any (polroles)") == []


def test_every_policy_of_our_tables_only_reads(game):
    ours = "polrelid <> 'storage.objects'::regclass"
    assert names(game, f"select polname from pg_policy where polcmd <> 'r' and {ours}") == []


def test_every_policy_of_storage_is_about_one_bucket_before_and_after(game):
    for row in game.rows(
        "select polname as name, polcmd as command, pg_get_expr(polqual, polrelid) as before,"
        " pg_get_expr(polwithcheck, polrelid) as after from pg_policy where polrelid = 'storage.objects'::regclass"
    ):
        sides = {"a": ("after",), "r": ("before",), "d": ("before",), "w": ("before", "after")}[row["command"]]
        for side in sides:
            assert re.match(r"\(\(bucket_id = '[a-z-]+'::text\) AND ", row[side]), (row["name"], side)


def test_there_is_one_permissive_policy_for_a_table_a_command_and_a_role(game):
    # Of the files of Storage, one for each bucket.
    assert names(
        game,
        "select polrelid::regclass::text from pg_policy, unnest(polroles) role where polpermissive"
        " group by polrelid, polcmd, role,"
        " case when polrelid = 'storage.objects'::regclass then substring("
        " pg_get_expr(coalesce(polqual, polwithcheck), polrelid)"
        " from '^\\(*bucket_id = ''([a-z-]+)''::text\\) AND') end"
        " having count(*) > 1",
    ) == []  # fmt: skip


def test_no_policy_is_always_true(game):
    for row in game.rows(
        "select polname as name, coalesce(polqual, polwithcheck)::text as tree,"
        " pg_get_expr(coalesce(polqual, polwithcheck), polrelid) as said from pg_policy"
    ):
        depends = "{VAR" in row["tree"] or "is_ops()" in row["said"]
        assert depends, row["name"]
        assert row["said"].strip("() ").lower() != "true", row["name"]


def test_policies_ask_who_is_calling_once_a_query_and_not_once_a_row(game):
    for row in game.rows(
        "select polname as name, concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) as said"
        " from pg_policy"
    ):
        for function in (r"auth\.uid\(\)", r"private\.is_ops\(\)", r"private\.my_kit_ids\(", r"storage\.operation\(\)"):
            calls = len(re.findall(function, row["said"]))
            assert calls == len(re.findall(rf"SELECT {function}", row["said"])), row["name"]


#: What reads the claims of a token itself, and why it may; everything else asks private.my_account().
READS_CLAIMS = {
    "private.claimed_account()": "it is the one that says who is calling",
    "private.my_proven_account()": "by which way, and when, the session of the token was opened",
    "private.has_second_factor()": "whether the session of the token has shown a second factor",
    "private.require_recent_sign_in()": "when the owner of the token signed in",
    "private.is_anonymous()": "whether the token is one of an anonymous account",
    "api.my_profile": "shows its owner the address of their own token",
    "api.my_teacher": "shows its owner the address of their own token",
}


def test_who_is_calling_and_whether_they_are_live_is_asked_of_one_function(game):
    """A token outlives what happens to its account: whatever reads its subject alone lets the disabled go on."""
    bodies = {
        row["name"]: row["body"]
        for row in game.rows(
            "select oid::regprocedure::text as name, coalesce(pg_get_function_sqlbody(oid), prosrc) as body"
            " from pg_proc"
            f" where pronamespace in {OURS}"
            " union all select c.oid::regclass::text, pg_get_viewdef(c.oid) from pg_class c"
            " where c.relnamespace = 'api'::regnamespace and c.relkind = 'v'"
            " union all select polname || ' on ' || polrelid::regclass,"
            " concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) from pg_policy"
        )
    }
    assert len(bodies) > 400
    claims = {name for name, body in bodies.items() if re.search(r"auth\.(uid|jwt|role|email)\(|request\.jwt", body)}
    assert claims == set(READS_CLAIMS)
    ends = {name.split("(")[0] for name, body in bodies.items() if re.search("banned_until|deleted_at", body)}
    # The others decide nothing: they show which accounts are disabled, disable them, and record that it was done.
    assert ends == {
        "private.is_live", "private.list_accounts", "api.list_accounts", "private.account_called",
        "private.set_account_disabled", "private.account_recorded",
    }  # fmt: skip


def test_the_ids_that_policies_filter_by_lead_an_index(game):
    missing = names(
        game,
        """
        select distinct p.polrelid::regclass || '.' || a.attname
        from pg_policy p
        join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
            and d.refobjid = p.polrelid and d.refobjsubid > 0
        join pg_attribute a on a.attrelid = p.polrelid and a.attnum = d.refobjsubid
        where (a.atttypid in ('uuid'::regtype, 'int'::regtype, 'bigint'::regtype) or a.attname = 'code')
            and not exists (select from pg_index i where i.indrelid = p.polrelid and i.indkey[0] = a.attnum)
        """,
    )
    assert missing == []


def test_every_foreign_key_has_an_index(game):
    missing = names(
        game,
        f"""
        select c.conrelid::regclass || ' ' || c.conname
        from pg_constraint c
        where c.contype = 'f' and c.connamespace in {OURS}
            and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = any (c.conkey))
        """,
    )
    assert missing == []


def test_every_view_runs_as_its_caller(game):
    assert names(
        game,
        "select oid::regclass::text from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'"
        " and not coalesce('security_invoker=true' = any (reloptions), false)",
    ) == []  # fmt: skip


def test_security_definer_lives_in_private_only(game):
    assert (
        names(
            game,
            "select oid::regprocedure::text from pg_proc where prosecdef and pronamespace in"
            " ('api'::regnamespace, 'mpp'::regnamespace)",
        )
        == []
    )


def test_every_function_looks_for_names_in_the_catalog_first_and_in_temporary_objects_last(game):
    assert names(
        game,
        f"select oid::regprocedure::text from pg_proc where pronamespace in {OURS}"
        " and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)",
    ) == []  # fmt: skip


def test_no_function_of_ours_is_executable_by_public(game):
    assert names(
        game,
        "select p.oid::regprocedure::text from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g"
        f" where p.pronamespace in {OURS} and g.grantee = 0",
    ) == []  # fmt: skip


def test_public_is_granted_nothing_on_our_schemas_and_relations(game):
    assert (
        names(
            game,
            f"select c.oid::regclass::text from pg_class c, aclexplode(c.relacl) g where c.relnamespace"
            f" in {OURS} and g.grantee = 0"
            f" union all select n.nspname from pg_namespace n, aclexplode(n.nspacl) g where n.oid in"
            f" {OURS} and g.grantee = 0",
        )
        == []
    )


def test_clients_may_not_even_name_what_is_not_in_api(game):
    for role in CLIENTS:
        for schema, may in (("api", True), ("mpp", False), ("private", False)):
            assert game.one("select has_schema_privilege(%s, %s, 'usage')", (role, schema)) is may, (role, schema)
            assert game.one("select has_schema_privilege(%s, %s, 'create')", (role, schema)) is False


def test_no_client_role_is_granted_a_write_on_any_table(game):
    assert names(
        game,
        "select c.oid::regclass || ' ' || g.privilege_type || ' ' || pg_get_userbyid(g.grantee)"
        f" from pg_class c, aclexplode(c.relacl) g where c.relnamespace in {OURS} and g.privilege_type <> 'SELECT'"
        " and pg_get_userbyid(g.grantee) in ('anon', 'authenticated', 'service_role')",
    ) == []  # fmt: skip
    assert names(
        game,
        "select a.attrelid::regclass || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid,"
        f" aclexplode(a.attacl) g where c.relnamespace in {OURS} and g.privilege_type <> 'SELECT'",
    ) == []  # fmt: skip


def test_no_view_is_one_that_postgres_would_write_through(game):
    """Programs that generate types show a view that could be written to as one that may be."""
    assert (
        names(
            game,
            f"select oid::regclass::text from pg_class where relnamespace in {OURS} and relkind = 'v'"
            " and pg_relation_is_updatable(oid, true) <> 0",
        )
        == []
    )


def test_what_is_made_later_is_granted_to_nobody(game):
    game.run("create table mpp.made_later (id integer)")
    game.run("create view api.made_later as select 1 as one")
    game.run("create sequence mpp.made_later_too")
    for schema in ("mpp", "api", "private"):
        game.run(f"create function {schema}.made_later() returns integer language sql as 'select 1'")
    for role in CLIENTS:
        for relation in ("mpp.made_later", "api.made_later"):
            assert game.one("select has_table_privilege(%s, %s, 'select')", (role, relation)) is False
        assert game.one("select has_sequence_privilege(%s, 'mpp.made_later_too', 'usage')", (role,)) is False
        for schema in ("mpp", "api", "private"):
            assert (
                game.one("select has_function_privilege(%s, %s, 'execute')", (role, f"{schema}.made_later()")) is False
            )


def test_a_body_that_callers_run_as_themselves_names_nothing_they_may_not_name(game):
    # A body kept as text is parsed when it runs, with the rights of the caller, who has none on mpp and private.
    assert (
        names(
            game,
            "select oid::regprocedure::text from pg_proc p"
            f" where p.pronamespace in {OURS} and not p.prosecdef and p.prosqlbody is null and p.prosrc"
            f" ~ '\\m(mpp|private)\\.'"
            " and (has_function_privilege('anon', p.oid, 'execute') or"
            " has_function_privilege('authenticated', p.oid, 'execute')"
            " or has_function_privilege('service_role', p.oid, 'execute'))",
        )
        == []
    )


def test_a_type_in_the_signature_of_a_command_lives_where_callers_may_name_it(game):
    assert (
        names(
            game,
            "select distinct p.oid::regprocedure || ': ' || t.oid::regtype from pg_proc p"
            " join pg_type t on t.oid = p.prorettype or t.oid = any (p.proargtypes::oid[])"
            " where p.pronamespace = 'api'::regnamespace and t.typnamespace in ('mpp'::regnamespace,"
            " 'private'::regnamespace)",
        )
        == []
    )


def test_every_view_column_has_a_type_that_callers_may_name(game):
    assert names(
        game,
        "select c.oid::regclass || '.' || a.attname || ' ' || t.oid::regtype from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 join pg_type t on t.oid = a.atttypid"
        " where c.relnamespace = 'api'::regnamespace and t.typtype = 'e' and t.typnamespace <> 'api'::regnamespace",
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("what", "query"),
    [
        (
            "table",
            "select oid::regclass::text from pg_class where relnamespace = 'mpp'::regnamespace and"
            " relkind in ('r', 'p')"
            " and obj_description(oid, 'pg_class') is null",
        ),
        (
            "view",
            "select oid::regclass::text from pg_class where relnamespace = 'api'::regnamespace and relkind = 'v'"
            " and obj_description(oid, 'pg_class') is null",
        ),
        (
            "command",
            "select oid::regprocedure::text from pg_proc where pronamespace = 'api'::regnamespace"
            " and obj_description(oid, 'pg_proc') is null",
        ),
        (
            "type",
            "select t.oid::regtype::text from pg_type t join pg_class c on c.oid = t.typrelid and c.relkind = 'c'"
            " where t.typnamespace = 'api'::regnamespace and obj_description(t.oid, 'pg_type') is null",
        ),
    ],
)
def test_everything_that_is_documented_to_callers_has_a_comment(game, what, query):
    assert names(game, query) == []


def test_no_extension_is_needed(game):
    assert names(
        game,
        f"select e.extname from pg_extension e join pg_depend d on d.refobjid = e.oid where e.extnamespace in {OURS}",
    ) == []  # fmt: skip


def test_requests_of_people_are_held_to_a_time_limit(game):
    for role, limit in (("anon", "3s"), ("authenticated", "8s")):
        settings = game.one(
            "select coalesce(array_agg(u), '{}') from pg_db_role_setting s, unnest(s.setconfig) u"
            " where s.setrole = %s::regrole and s.setdatabase = 0",
            (role,),
        )
        assert f"statement_timeout={limit}" in settings


def test_every_command_of_api_is_a_thin_call_of_its_twin_in_private(game):
    for row in game.rows(
        "select p.proname as name, p.prosecdef as definer, p.prosqlbody is not null as atomic,"
        " exists (select from pg_proc t where t.pronamespace = 'private'::regnamespace and t.proname = p.proname"
        " and t.prosecdef) as twin from pg_proc p where p.pronamespace = 'api'::regnamespace"
    ):
        assert (row["definer"], row["atomic"], row["twin"]) == (False, True, True), row["name"]


#: Every text of the database that runs: bodies, views, policies, defaults, checks, indexes, triggers, domains.
DEFINITIONS = f"""
    select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as said
    from pg_proc p where p.pronamespace in {OURS} and p.prokind <> 'a'
    union all
    select c.oid::regclass::text, pg_get_viewdef(c.oid) from pg_class c
    where c.relnamespace in {OURS} and c.relkind in ('v', 'm')
    union all
    select 'policy ' || p.polname, concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_policy p
    union all
    select d.adrelid::regclass || '.' || a.attname, pg_get_expr(d.adbin, d.adrelid)
    from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_class c on c.oid = d.adrelid where c.relnamespace in {OURS}
    union all
    select coalesce(nullif(c.conrelid, 0)::regclass::text, c.contypid::regtype::text) || ' ' || c.conname, pg_get_constraintdef(c.oid)
    from pg_constraint c where c.connamespace in {OURS}
    union all
    select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace in {OURS}
    union all
    select t.tgrelid::regclass || ' ' || t.tgname, pg_get_triggerdef(t.oid)
    from pg_trigger t where not t.tgisinternal
"""  # noqa: E501

CLOCKS = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|uuidv7)\s*\("
    r"|\b(current_date|current_time|current_timestamp|localtime|localtimestamp)\b"
    r"|'(now|today|tomorrow|yesterday|allballs)'",
    re.IGNORECASE,
)


def function_bodies(game) -> dict[str, str]:
    """Every text of the database that runs, by name, without comments."""
    return {row["name"]: re.sub(r"--[^\n]*", "", row["said"]) for row in game.rows(DEFINITIONS)}


def test_nothing_reads_the_time_but_the_one_clock(game):
    found = {name for name, said in function_bodies(game).items() if CLOCKS.search(said)}
    # An identifier begins with the time at which it is made, for the sake of its index. Nothing is decided by it.
    assert found == {"private.clock()", "private.uuid_v7()"}


def test_views_and_policies_read_the_clock_once_a_query_and_not_once_a_row(game):
    for name, said in function_bodies(game).items():
        if name.startswith("policy ") or "(" not in name:
            assert "private.clock()" not in said or name.split()[0].count(".") == 2, name
            calls = re.findall(r"private\.(?:read_clock|today)\(", said)
            assert len(calls) == len(re.findall(r"SELECT private\.(?:read_clock|today)\(", said)), name


def before(text: str, end: int) -> str:
    """The operand that ends here: a name, or all that is between two parentheses."""
    if text[end - 1] != ")":
        return re.search(r"[\w.]*$", text[:end])[0]  # type: ignore[index]
    depth, start = 0, end
    while start > 0:
        start -= 1
        depth += {")": 1, "(": -1}.get(text[start], 0)
        if depth == 0:
            break
    return re.search(r"[\w.]*$", text[:start])[0] + text[start:end]  # type: ignore[index]


def after(text: str, start: int) -> str:
    """What is between the parenthesis before `start` and the one that closes it."""
    depth, end = 1, start
    while depth and end < len(text):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        end += 1
    return text[start:end]


def days_of_the_session(said: str, instants: set[str]) -> Iterator[str]:
    """What makes a civil day or hour of an instant, or adds one to it, without naming a time zone."""
    declared = re.findall(r"\b(\w+) timestamp(?:tz| with time zone)\b", said)
    an_instant = re.compile(rf"\b(?:{'|'.join(sorted({*instants, *declared}))})\b|\b(?:read_)?clock\(")

    def unzoned(operand: str) -> bool:
        return bool(an_instant.search(operand)) and "at time zone" not in operand.lower()

    for cast in re.finditer(r"::(?:date|time|timestamp)\b(?! with time)", said):
        if unzoned(before(said, cast.start())):
            yield said[max(cast.start() - 60, 0) : cast.end()]
    for call in re.finditer(r"\b(?:to_char|date_part|extract|date_trunc|age)\s*\(", said, re.IGNORECASE):
        inside = after(said, call.end())
        third = call[0].startswith("date_trunc") and inside.count(",") > 1
        if unzoned(inside) and not third and not re.match(r"'?epoch\b", inside, re.IGNORECASE):
            yield call[0] + inside
    for line in said.splitlines():
        # An hour is as long everywhere; a day, a month and a year are not.
        if re.search(r"interval '[^']*(?:day|week|mon|year)|'[^']*(?:day|week|mon|year)[^']*'::interval"
                     r"|make_interval\((?!secs|mins|hours)", line) and unzoned(line):  # fmt: skip
            yield line.strip()


def test_no_day_comes_from_the_time_zone_of_the_session(game):
    """Whoever asks chooses it (Prefer: timezone=…): a day is one of the edition's zone or of the association's."""
    instants = set(
        names(
            game,
            "select distinct a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
            f" where c.relnamespace in {OURS} and a.atttypid = 'timestamptz'::regtype",
        )
    )
    found = {name: list(days_of_the_session(said, instants)) for name, said in function_bodies(game).items()}
    assert {name: why for name, why in found.items() if why} == {}


def test_the_rule_about_days_finds_what_it_is_about():
    for bad in (
        "starts_at::date", "(e.starts_at + x)::date", "private.clock()::date", "date_trunc('day', v.starts_at)",
        "to_char(at, 'DD')", "extract(hour from starts_at)", "at + interval '1 day'", "starts_at -"
        " make_interval(days => 1)",
    ):  # fmt: skip
        assert list(days_of_the_session(bad, {"starts_at", "at"})), bad
    for good in (
        "(starts_at at time zone 'UTC')::date", "starts_at + interval '24 hours'", "extract(epoch from starts_at)",
        "date_trunc('day', starts_at, zone)", "birth_date + interval '18 years'",
    ):  # fmt: skip
        assert not list(days_of_the_session(good, {"starts_at", "at"})), good


def test_the_planner_knows_nothing_of_private_columns(game):
    """An estimated count, which any caller may ask for, would tell how many rows hold a value."""
    edition = game.edition()
    for _ in range(3):
        game.player(game.league(edition))
    classes = game.edition(audience="school")
    for _ in range(3):
        class_ = game.class_(classes, pupils=("Lina",))
        class_.teacher.call("invite_co_teacher", class_id=class_.id)
        class_.teacher.call("choose_class_challenges", class_id=class_.id, challenge_ids=[classes.challenges["t-soup"]])
        class_.teacher.table(
            "validate_for_pupils", class_id=class_.id, challenge_id=classes.challenges["t-soup"],
            request_key=uuid.uuid4(),
        )  # fmt: skip
        game.family(class_).call("claim_class", code="wrong")
    for _ in range(3):
        client = game.organisation()
        part = game.participation(client, edition)
        game.employed(client)
        game.client_league(part, edition, unit="Site")
        game.service.call(
            "invite_participants", participation_id=part, participants=Jsonb([{"email": "guest@example.org"}])
        )
        game.service.call(
            "invite_staff", organisation_id=client, email="staff@example.org", access_until=edition.ends_at
        )
        game.service.call("set_territory", organisation_id=client, codes={"department": ["69"]})
        game.service.call("plan_participation", participation_id=part)
        game.run("insert into mpp.dashboard (role_name, organisation_id) values (%s, %s)", (f"t_{client}", client))
    known = {
        "theme",
        "challenge",
        "edition",
        "edition_challenge",
        "terms_version",
        "maintenance_window",
        "curriculum_theme",
        "school",
        # What everybody reads, once it was counted.
        "past_statistics",
        "edition_count",
        "map_cell",
    }
    known |= {"score_count", "score_delta"}
    tables = names(
        game, "select relname from pg_class where relnamespace = 'mpp'::regnamespace and relkind in ('r', 'p')"
    )
    for table in set(tables) - known:
        game.run(f"analyze mpp.{table}")
        # An index on an expression gathers statistics too, under its own name.
        found = names(
            game,
            "select s.attname from pg_stats s where s.schemaname = 'mpp' and s.tablename in ("
            f"select '{table}' union all select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
            f" where i.indrelid = 'mpp.{table}'::regclass)",
        )
        public = {
            "edition_id",
            "scope",
            "points",
            "players",
            "at_least_players",
            "by_average",
            "value",
            "tie_order",
            "listed",
        }
        assert set(found) <= (public | {"is_public"} if table == "score" else set()), table


def test_every_table_with_rows_can_be_analysed_and_its_indexes_built_anew(game):
    """Expressions in an index are computed as the owner of the table, who must be granted what they call."""
    class_ = game.class_(game.edition(audience="school"), pupils=("Lina", "Marie-Lou"))
    game.family(class_).call("claim_class", code="wrong")
    game.player(game.league(game.edition()))
    for table in names(
        game, "select oid::regclass::text from pg_class where relnamespace = 'mpp'::regnamespace and relkind = 'r'"
    ):
        game.run(f"analyze {table}")
        game.run(f"reindex table {table}")


def test_the_owner_of_the_tables_is_granted_no_more_of_private_than_indexes_and_checks_need(game):
    granted = names(
        game,
        "select p.proname from pg_proc p where p.pronamespace = 'private'::regnamespace"
        " and not pg_get_userbyid(p.proowner) = 'mpp_owner' and has_function_privilege('mpp_owner', p.oid, 'execute')",
    )
    assert set(granted) <= {
        "folded", "searchable", "trigrams", "is_rne", "is_one_word", "uuid_v7", "clock", "is_mail_address",
        "is_territory_code", "mailbox_of", "is_country", "phone_number", "is_phone_number", "trimmed", "findable",
        "department_of", "is_department", "is_commune", "hides_something", "school_levels", "least_people",
    }  # fmt: skip


def test_every_column_of_what_a_client_reads_says_what_it_means(game):
    rows = game.rows(
        "select c.relname || '.' || a.attname as name, col_description(c.oid, a.attnum) as said from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'api'::regnamespace"
        " and c.relkind = 'v' and c.relname ~ '^(client_|my_organisations)'"
    )
    assert len(rows) > 150
    assert [row["name"] for row in rows if not row["said"]] == []


def test_nothing_of_the_api_has_a_name_that_programs_cannot_use(game):
    # Types for Python are generated from these names: one that is a word of the language makes the file unreadable.
    found = names(
        game,
        "select distinct a.attname::text from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
        " where c.relnamespace = 'api'::regnamespace"
        " union"
        " select n from pg_proc p, unnest(p.proargnames) n where p.pronamespace = 'api'::regnamespace",
    )
    assert len(found) > 100
    assert [name for name in found if keyword.iskeyword(name)] == []
