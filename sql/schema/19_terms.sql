-- The terms of use: versions, announced before they hold. Who has accepted which is in 26_profile and 27_consent.

insert into mpp.setting (name, value, allowed, about) values
    ('terms_due', 'read_only', 'read_only|allowed',
        'What an account may do that has not accepted the terms that hold: read_only (it reads, and withdraws) or allowed (everything).'),
    ('terms_notice_days', '15', '[0-9]{1,3}',
        'How many days before it holds a version of the terms is announced, at least: a number of days.');

create table mpp.terms_version (
    version text primary key check (version ~ '^[0-9]{4}-[0-9]{2}(\.[0-9]+)?$'),
    published_at timestamptz not null default private.clock(),
    effective_at timestamptz not null,
    address jsonb,
    body jsonb,
    constraint terms_version_announced_before_it_holds check (effective_at >= published_at),
    constraint terms_version_one_text check (
        num_nonnulls(address, body) = 0 or (num_nonnulls(address, body) = 1 and coalesce(address, body)::mpp.translated is not null)
    )
);
comment on table mpp.terms_version is 'Versions of the terms of use. The one published last among those that hold is the one to accept.';
comment on column mpp.terms_version.effective_at is 'From when it holds: the beginning of a day in Paris.';
comment on column mpp.terms_version.address is 'Where each language stands on the web. The first version has neither: it was on the association''s site.';
comment on column mpp.terms_version.body is 'The text itself in each language.';
-- Every command of a phone asks whether there is a later one.
create index terms_version_published on mpp.terms_version (published_at);

insert into mpp.terms_version (version, published_at, effective_at) values ('2026-01', '2026-01-05 09:00:00+01', '2026-01-05 09:00:00+01');

-- What people agreed to is never rewritten. A version with a fault is followed by another one.
create trigger terms_version_append_only
    before update or delete or truncate on mpp.terms_version
    for each statement execute function private.refuse_change();

create function private.current_terms() returns mpp.terms_version
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    terms mpp.terms_version;
begin
    select * into terms
    from mpp.terms_version t
    where t.effective_at <= private.clock()
    order by t.published_at desc
    limit 1;
    return terms;
end
$$;

-- What somebody has to accept who accepted last the version that was published then.
create function private.terms_due(accepted timestamptz) returns table (version text, effective_at timestamptz)
    language plpgsql stable security definer rows 1 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select t.version, t.effective_at
    from mpp.terms_version t
    where t.published_at > accepted and t.effective_at <= private.clock()
    order by t.published_at desc
    limit 1;
end
$$;
grant execute on function private.terms_due to authenticated;

alter table mpp.terms_version enable row level security;

create policy terms_version_select_everyone on mpp.terms_version
    for select to anon, authenticated
    using (published_at <= (select private.read_clock()));

grant select on mpp.terms_version to anon, authenticated, service_role;

create view api.terms_versions with (security_invoker = true) as
select
    t.version,
    t.published_at,
    t.effective_at,
    t.published_at = max(t.published_at) filter (where t.effective_at <= (select private.read_clock())) over () as is_current,
    t.address,
    t.body
from mpp.terms_version t cross join (select) read_only;
comment on view api.terms_versions is 'Published versions of the terms of use, those announced and not yet in force among them. register takes the current one.';
comment on column api.terms_versions.effective_at is 'From when it holds.';
comment on column api.terms_versions.address is 'Where it stands, by language; null where body holds it.';
grant select on api.terms_versions to anon, authenticated, service_role;

create function private.publish_terms(version text, effective_on date, address jsonb, body jsonb) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    known mpp.terms_version;
    latest mpp.terms_version;
    effective timestamptz := effective_on::timestamp at time zone 'Europe/Paris';
    texts jsonb := coalesce(address, body);
    notice integer := private.setting('terms_notice_days')::integer;
begin
    perform private.require_ops();
    if version is null or version !~ '^[0-9]{4}-[0-9]{2}(\.[0-9]+)?$' then
        perform private.refuse('MP010', 'version', coalesce(left(version, 40), 'it is empty'), 'Name it by its month, such as 2026-11, or 2026-11.1.');
    end if;
    if effective_on is null then
        perform private.refuse('MP010', 'effective_on', 'it is empty', 'Give the day from which it holds, as YYYY-MM-DD.');
    end if;
    if num_nonnulls(address, body) <> 1 then
        perform private.refuse('MP010', 'address', 'give either addresses or texts', 'Send one of the two, in fr, en and, if there is one, de.');
    end if;
    if jsonb_typeof(texts) <> 'object' or not texts ?& array['fr', 'en'] or texts - array['fr', 'en', 'de'] <> '{}'
        or exists (select from jsonb_each(texts) t where jsonb_typeof(t.value) <> 'string' or btrim(t.value #>> '{}') = '') then
        perform private.refuse('MP010', case when address is null then 'body' else 'address' end, 'it needs a text in fr and en, and takes one in de',
            'Send {"fr": "…", "en": "…", "de": "…"}.');
    end if;
    if octet_length(texts::text) > 500000 then
        perform private.refuse('MP010', 'body', 'it is longer than 500,000 bytes', 'Publish an address instead.');
    end if;
    if address is not null and exists (
        select from jsonb_each_text(address) t where t.value !~ '^https://[^\s/]+\.[^\s/]+(/\S*)?$' or char_length(t.value) > 500
    ) then
        perform private.refuse('MP010', 'address', 'it is no https address', 'Give an address such as https://example.org/terms.');
    end if;
    -- Two at once: the second sees the first.
    lock table mpp.terms_version in share row exclusive mode;
    select * into known from mpp.terms_version t where t.version = publish_terms.version;
    if found then
        if (known.effective_at, known.address, known.body) is distinct from (effective, publish_terms.address, publish_terms.body) then
            perform private.refuse('MP010', 'version', known.version || ' is published with another text or day', 'Give the new text another version.');
        end if;
        return false;
    end if;
    if effective_on < private.today() + notice then
        perform private.refuse('MP010', 'effective_on', format('it is announced %s days before, at least', notice), 'Choose a later day.');
    end if;
    select * into latest from mpp.terms_version t order by t.published_at desc limit 1;
    if effective < latest.effective_at then
        perform private.refuse('MP010', 'effective_on', format('version %s holds from a later day', latest.version), 'Choose that day or a later one.');
    end if;
    insert into mpp.terms_version (version, published_at, effective_at, address, body)
    values (publish_terms.version, greatest(private.clock(), latest.published_at + interval '1 second'), effective, publish_terms.address, publish_terms.body);
    perform private.record_act('terms.publish', publish_terms.version, jsonb_build_object('effective_at', effective));
    return true;
end
$$;
grant execute on function private.publish_terms to authenticated, service_role;

create function api.publish_terms(version text, effective_on date, address jsonb default null, body jsonb default null) returns boolean
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.publish_terms(version, effective_on, address, body); end;
comment on function api.publish_terms is 'Publishes a version of the terms of use that holds from the beginning of a day in Paris, so many days ahead as the setting terms_notice_days says. Its text is in body or at address, by language: {"fr", "en", "de"}, de if there is one. The same again returns false and changes nothing. Staff. Errors: MP006, MP010.';
grant execute on function api.publish_terms to authenticated, service_role;
