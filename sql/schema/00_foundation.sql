-- The schemas, the owner of the tables, and the default privileges, which grant nothing. `api` is what PostgREST
-- exposes, `mpp` holds the tables, `private` the rules. Tables follow, a noun a file.
--
-- Every function sets `search_path = pg_catalog, pg_temp`. Postgres searches an empty one for types in the caller's
-- temporary schema first: whoever speaks SQL could put a type called date there, and a check of theirs would run as our
-- definer.

create schema if not exists mpp;

create schema if not exists private;

create schema if not exists api;

create schema if not exists request;
comment on schema api is 'Ma Petite Planète: the views and functions that apps, dashboards and the CLI may use.';
comment on schema mpp is 'Ma Petite Planète: tables. Read through api; written by the functions of private only.';
comment on schema private is 'Ma Petite Planète: rules, triggers and every security definer function. Never exposed.';
comment on schema request is 'Ma Petite Planète: what PostgREST runs before each request, as the caller. Never exposed.';

-- The tables belong to a role that cannot log in and does not bypass row-level security: a view that forgets
-- security_invoker then shows nothing at all, instead of everything.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'mpp_owner') then
        create role mpp_owner nologin noinherit;
    end if;
    execute pg_catalog.format('grant mpp_owner to %I', current_user);
end
$$;

-- Logins of client dashboards that speak SQL are members of this role; it reads views of api and nothing else.
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'mpp_dashboard') then
        create role mpp_dashboard nologin noinherit;
    end if;
end
$$;
grant usage on schema api to mpp_dashboard;

-- Only the owner of the database makes temporary tables, types and functions. (Postgres only warns a deploying role
-- that does not own the database.)
do $$
begin
    execute pg_catalog.format('revoke temporary on database %I from public', pg_catalog.current_database());
end
$$;
grant usage, create on schema mpp to mpp_owner;
grant create on schema api to mpp_owner;
grant usage on schema api to anon, authenticated, service_role;

-- Every function is executable by everyone unless this is revoked. Grants stand under each function instead.
alter default privileges revoke execute on functions from public;

alter default privileges in schema mpp, private, api, request revoke all on tables from public, anon, authenticated, service_role;

alter default privileges in schema mpp, private, api, request revoke all on sequences from public, anon, authenticated, service_role;

alter default privileges in schema mpp, private, api, request revoke all on functions from public, anon, authenticated, service_role;

-- Texts that people read on a screen, by language: {"fr": "…", "en": "…", "de": "…"}. French and English are always
-- there.
create domain mpp.translated as jsonb
    constraint translated_has_fr_and_en check (
        jsonb_typeof(value) = 'object'
        and coalesce(btrim(value ->> 'fr'), '') <> ''
        and coalesce(btrim(value ->> 'en'), '') <> ''
        and not jsonb_path_exists(value, '$.* ? (@.type() != "string")')
    );
comment on domain mpp.translated is 'Texts by ISO 639-1 language; fr and en are required.';
