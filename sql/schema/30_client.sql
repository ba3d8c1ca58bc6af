-- Clients: their staff and the dates of their access, their part in an edition, its units, and the territory of a local
-- authority. Staff see what the people of their own organisation do together, never one person (82_client_figure).

create type api.staff_role as enum ('viewer', 'manager', 'owner');

create table mpp.staff (
    organisation_id integer not null references mpp.organisation (id),
    account_id uuid not null references auth.users (id) on delete cascade,
    role api.staff_role not null,
    access_from timestamptz not null,
    access_until timestamptz not null check (access_until > access_from),
    added_at timestamptz not null default private.clock(),
    ended_at timestamptz,
    primary key (account_id, organisation_id)
);
comment on table mpp.staff is 'Who works for a client, and from when to when they have access. It is read live at each request.';
comment on column mpp.staff.ended_at is 'When what they knew was ended, after their dates. Earlier than access_until: it is still to be ended.';
create index staff_organisation on mpp.staff (organisation_id);

create table mpp.staff_invitation (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    email text not null check (email = lower(email) and private.is_mail_address(email)),
    role api.staff_role not null,
    access_from timestamptz not null,
    access_until timestamptz not null check (access_until > access_from),
    code_digest bytea not null unique,
    -- Deleting an account deletes the invitations that it sent and that nobody took.
    invited_by uuid references auth.users (id) on delete cascade,
    expires_at timestamptz not null,
    invited_at timestamptz not null default private.clock(),
    accepted_at timestamptz,
    constraint staff_invitation_once unique (organisation_id, email)
);
comment on table mpp.staff_invitation is 'Invitations of staff: taken once, by the address they were sent to. The code is in the mail only; this is its digest.';
comment on column mpp.staff_invitation.invited_by is 'The owner who invites, who must still be an owner when it is taken; null for the association.';
create index staff_invitation_inviter on mpp.staff_invitation (invited_by);

create table mpp.unit (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    name mpp.line not null check (char_length(name) <= 60)
);
comment on table mpp.unit is 'A department, site or service of a client, under which its leagues are ranked.';
create unique index unit_name_once on mpp.unit (organisation_id, lower(name));

create table mpp.participation (
    id integer generated always as identity primary key,
    organisation_id integer not null references mpp.organisation (id),
    edition_id integer not null references mpp.edition (id),
    expected_players integer check (expected_players between 1 and 1000000),
    asks_phone boolean not null default false,
    carries_name boolean not null default false,
    created_at timestamptz not null default private.clock(),
    constraint participation_once unique (organisation_id, edition_id),
    constraint participation_in_edition unique (id, edition_id)
);
comment on table mpp.participation is 'The part of a client in an edition.';
comment on column mpp.participation.asks_phone is 'Whether players of its leagues who are 15 or older may give a phone number, which their ambassador sees.';
comment on column mpp.participation.carries_name is 'Whether its leagues carry the name of the organisation in public.';
create index participation_edition on mpp.participation (edition_id);

create type api.territory_kind as enum ('postcode', 'department', 'commune', 'rne');

-- Whether a code of a territory exists: a department, a postcode or commune of one, or the code of a school. A code
-- that matches nothing would only look like a territory.
create function private.is_territory_code(kind text, code text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(case kind
        when 'postcode' then code ~ '^((0[1-9]|[1-8][0-9]|9[0-5])[0-9]{3}|9(7[1-8]|8[678])[0-9]{2})$'
        when 'department' then private.is_department(code)
        when 'commune' then private.is_commune(code)
        when 'rne' then private.is_rne(code)
    end, false)
$$;
grant execute on function private.is_territory_code to mpp_owner;

create table mpp.territory (
    organisation_id integer not null references mpp.organisation (id),
    kind api.territory_kind not null,
    code text not null,
    primary key (organisation_id, kind, code),
    constraint territory_code check (private.is_territory_code(kind::text, code))
);
comment on table mpp.territory is 'The schools that a local authority follows: by commune, postcode, department or code.';

-- A login of a dashboard that speaks SQL (Retool), and the one client whose rows it reads.
create table mpp.dashboard (
    role_name name primary key,
    organisation_id integer not null references mpp.organisation (id)
);
comment on table mpp.dashboard is 'Database logins of client dashboards, members of mpp_dashboard, each bound to one organisation.';
create index dashboard_organisation on mpp.dashboard (organisation_id);

-- The organisations whose staff the caller is at this moment, with at least this role. The login of a dashboard gets
-- the one it is bound to, the association's staff get all.
create function private.my_client_ids(at_least api.staff_role default 'viewer') returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select private.my_proven_account())
        and s.role >= at_least
        and tstzrange(s.access_from, s.access_until) @> (select private.read_clock())
        -- An anonymous account works for nobody, even where a row says so.
        and not exists (select from auth.users u where u.id = s.account_id and u.is_anonymous)
        -- An owner who lacks the second factor is nobody there, not a smaller role either.
        and (s.role < 'owner' or not (select private.lacks_second_factor()))
    union
    select d.organisation_id
    from mpp.dashboard d
    where d.role_name = session_user and private.request_role() = session_user and at_least = 'viewer'
    union
    select o.id from mpp.organisation o where private.is_ops();
end
$$;
grant execute on function private.my_client_ids to authenticated, mpp_dashboard;

-- These include organisations whose dates have passed or not begun, and those for which a second factor is missing:
-- their name may be read, nothing more.
create function private.my_organisation_ids() returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select private.my_proven_account())
        -- An anonymous account works for nobody, even where a row says so.
        and not exists (select from auth.users u where u.id = s.account_id and u.is_anonymous)
    union
    select c.id from private.my_client_ids() c (id);
end
$$;
grant execute on function private.my_organisation_ids to authenticated, mpp_dashboard;

alter table mpp.staff enable row level security;
alter table mpp.staff_invitation enable row level security;
alter table mpp.unit enable row level security;
alter table mpp.participation enable row level security;
alter table mpp.territory enable row level security;
alter table mpp.dashboard enable row level security;

-- One's own rows show outside their dates too, so that an app can say why there is nothing to see.
create policy staff_select_authenticated on mpp.staff
    for select to authenticated
    using (
        (account_id = (select private.my_proven_account()) and organisation_id in (select private.my_organisation_ids()))
        or organisation_id in (select private.my_client_ids('owner'))
    );

create policy organisation_select_authenticated on mpp.organisation
    for select to authenticated, mpp_dashboard
    using (id in (select private.my_organisation_ids()));

create policy staff_invitation_select_authenticated on mpp.staff_invitation
    for select to authenticated
    using (organisation_id in (select private.my_client_ids('owner')));

create policy unit_select_authenticated on mpp.unit
    for select to authenticated, mpp_dashboard
    using (organisation_id in (select private.my_client_ids()));

create policy participation_select_authenticated on mpp.participation
    for select to authenticated, mpp_dashboard
    using (organisation_id in (select private.my_client_ids()));

create policy territory_select_authenticated on mpp.territory
    for select to authenticated
    using (organisation_id in (select private.my_client_ids()));

-- Refuses outside the dates of somebody's access, and says whether they have passed or not begun.
create function private.require_staff_access(me mpp.staff) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    french boolean := private.speaks_french();
    closed text := case
        when private.clock() < me.access_from then case when french then 'n’est pas encore ouvert' else 'is not open yet' end
        when private.clock() >= me.access_until then case when french then 'est terminé' else 'is over' end
    end;
begin
    if closed is not null then
        perform private.refuse('MP091', jsonb_build_object('access_from', me.access_from, 'access_until', me.access_until),
            private.format_first_day(me.access_from), private.format_last_day(me.access_until), closed);
    end if;
end
$$;

-- Requires this role of the client's staff, inside their dates. Whoever is not of its staff gets the refusal for a
-- client that does not exist.
create function private.require_client_role(organisation integer, account uuid, at_least api.staff_role) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    me mpp.staff;
begin
    select * into me from mpp.staff s where s.account_id = account and s.organisation_id = organisation;
    if not found then
        perform private.refuse('MP090');
    end if;
    if private.my_proven_account() is distinct from account then
        perform private.refuse('MP012');
    end if;
    if me.role = 'owner' and private.lacks_second_factor() then
        perform private.refuse('MP013');
    end if;
    perform private.require_staff_access(me);
    if me.role < at_least then
        perform private.refuse('MP092', at_least::text);
    end if;
end
$$;

-- The account behind a command for a client.
create function private.require_client(organisation integer, at_least api.staff_role default 'manager') returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    if private.is_ops() then
        if not exists (select from mpp.organisation o where o.id = organisation) then
            perform private.refuse('MP090');
        end if;
        return (select private.my_account());
    end if;
    account := private.require_account(registered => false);
    perform private.require_client_role(organisation, account, at_least);
    return account;
end
$$;
grant select on mpp.organisation, mpp.participation, mpp.unit, mpp.territory to authenticated, service_role;
grant select on mpp.organisation, mpp.participation, mpp.unit to mpp_dashboard;
grant select on mpp.staff to authenticated;
grant select (id, organisation_id, email, role, access_from, access_until, expires_at, invited_at, accepted_at)
    on mpp.staff_invitation to authenticated, service_role;

create view api.my_organisations with (security_invoker = true) as
with t as materialized (select private.read_clock() as at, private.lacks_second_factor() as lacks)
select
    o.id as organisation_id,
    o.code,
    o.name,
    o.kind,
    s.role,
    s.access_from,
    s.access_until,
    tstzrange(s.access_from, s.access_until) @> t.at and not (s.role = 'owner' and t.lacks) as is_open,
    case
        when t.at < s.access_from then 'not_yet'
        when t.at >= s.access_until then 'over'
        when s.role = 'owner' and t.lacks then 'second_factor'
    end as closed_because
from t
cross join mpp.staff s
join mpp.organisation o on o.id = s.organisation_id
where s.account_id = (select private.my_proven_account());
comment on view api.my_organisations is 'The organisations that the caller works for, with the dates of access. Where there is nothing else to see, closed_because is not_yet, over or second_factor.';
comment on column api.my_organisations.organisation_id is 'The organisation.';
comment on column api.my_organisations.code is 'Its code.';
comment on column api.my_organisations.name is 'Its name.';
comment on column api.my_organisations.kind is 'What it is.';
comment on column api.my_organisations.role is 'The caller''s role there.';
comment on column api.my_organisations.access_from is 'First instant of the access.';
comment on column api.my_organisations.access_until is 'The instant at which the access is over: midnight after its last day, where it is a day.';
comment on column api.my_organisations.is_open is 'Whether it is open now.';
comment on column api.my_organisations.closed_because is 'not_yet before the access, over after it, second_factor where an owner has to show one first (MP013), null inside.';
grant select on api.my_organisations to authenticated;

create view api.client_organisations with (security_invoker = true) as
select o.id as organisation_id, o.code, o.name, o.kind, o.language, o.created_at
from mpp.organisation o cross join (select) read_only;
comment on view api.client_organisations is 'The organisations that the caller works for, whatever the dates; all for the association.';
comment on column api.client_organisations.organisation_id is 'The organisation.';
comment on column api.client_organisations.code is 'The code that the association uses for it.';
comment on column api.client_organisations.name is 'Its name.';
comment on column api.client_organisations.kind is 'What it is: a company, a local authority….';
comment on column api.client_organisations.language is 'Language of its mails and reports.';
comment on column api.client_organisations.created_at is 'Since when it is a client.';
grant select on api.client_organisations to authenticated, service_role, mpp_dashboard;

create view api.client_participations with (security_invoker = true) as
select
    p.id as participation_id,
    p.organisation_id,
    o.code as organisation_code,
    o.name as organisation_name,
    p.edition_id,
    e.code as edition_code,
    e.title as edition_title,
    e.starts_at,
    e.ends_at,
    e.frozen_at,
    p.expected_players,
    p.asks_phone,
    p.carries_name,
    p.created_at
from mpp.participation p
join mpp.organisation o on o.id = p.organisation_id
join mpp.edition e on e.id = p.edition_id;
comment on view api.client_participations is 'The editions in which the caller''s organisations take part, with their settings.';
comment on column api.client_participations.participation_id is 'The part of a client in an edition; every other view of clients names it.';
comment on column api.client_participations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_participations.organisation_code is 'Code of the organisation.';
comment on column api.client_participations.organisation_name is 'Name of the organisation.';
comment on column api.client_participations.edition_id is 'The edition.';
comment on column api.client_participations.edition_code is 'Code of the edition.';
comment on column api.client_participations.edition_title is 'Title of the edition by language.';
comment on column api.client_participations.starts_at is 'First instant of the edition.';
comment on column api.client_participations.ends_at is 'The instant at which the edition is over: midnight after its last day.';
comment on column api.client_participations.frozen_at is 'When its ranking was frozen; null while it is not.';
comment on column api.client_participations.expected_players is 'How many players the client expects; null when it did not say.';
comment on column api.client_participations.asks_phone is 'Whether players of its leagues, of 15 and older, may give a phone number to their ambassador.';
comment on column api.client_participations.carries_name is 'Whether its leagues carry the name of the organisation in public.';
comment on column api.client_participations.created_at is 'Since when it takes part.';
grant select on api.client_participations to authenticated, service_role, mpp_dashboard;

create view api.client_units with (security_invoker = true) as
select u.id as unit_id, u.organisation_id, u.name from mpp.unit u cross join (select) read_only;
comment on view api.client_units is 'Departments, sites or services of the caller''s organisations.';
comment on column api.client_units.unit_id is 'The unit.';
comment on column api.client_units.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_units.name is 'Its name.';
grant select on api.client_units to authenticated, service_role, mpp_dashboard;

create view api.client_territories with (security_invoker = true) as
select t.organisation_id, t.kind, t.code from mpp.territory t cross join (select) read_only;
comment on view api.client_territories is 'Communes, postcodes, departments and schools that the caller''s organisations follow.';
comment on column api.client_territories.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_territories.kind is 'What code is: a commune, a postcode, a department, or a school by its RNE (the code that is called UAI today).';
comment on column api.client_territories.code is 'The code.';
grant select on api.client_territories to authenticated, service_role;

create view api.client_invitations with (security_invoker = true) as
select i.id as invitation_id, i.organisation_id, i.email, i.role, i.access_from, i.access_until, i.invited_at, i.expires_at, i.accepted_at
from mpp.staff_invitation i cross join (select) read_only;
comment on view api.client_invitations is 'Invitations of staff, for the owners of the organisation and the association.';
comment on column api.client_invitations.invitation_id is 'The invitation.';
comment on column api.client_invitations.organisation_id is 'The organisation, as client_organisations has it.';
comment on column api.client_invitations.email is 'The address it was sent to, and opens to.';
comment on column api.client_invitations.role is 'The role it gives.';
comment on column api.client_invitations.access_from is 'First instant of the access it gives.';
comment on column api.client_invitations.access_until is 'The instant at which that access is over: midnight after its last day, where it is a day.';
comment on column api.client_invitations.invited_at is 'When it was sent.';
comment on column api.client_invitations.expires_at is 'Until when somebody may take it.';
comment on column api.client_invitations.accepted_at is 'When it was taken; null while it was not.';
grant select on api.client_invitations to authenticated, service_role;

-- A chosen name, of a league, a team, a class, a unit, a school or a player. It may not begin with a client's name,
-- whatever follows. Leagues carry it as “Exemple · Lyon”, and “Exemple Lyon” reads alike. `own` is the client that
-- types; `listed` is as in clean_label.
create function private.fault_of_name(value text, longest integer, own integer, listed boolean) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    fault text[] := private.fault_of_label(value, longest, listed);
    -- Whatever is no letter and no digit parts words.
    signs constant text := '[\u2000-\u2bff\u3000-\u303f\U0001f000-\U0001faff]';
    cleaned text;
    plain text;
    alike text;
    others integer;
    ours integer;
begin
    if fault is not null or (private.is_ops() and not listed) then
        return fault;
    end if;
    if private.holds_phone_number(value) then
        return array['it looks like a telephone number', 'Choose a name that says nothing about you.'];
    end if;
    cleaned := private.trimmed(value);
    plain := private.searchable(regexp_replace(cleaned, signs, ' ', 'g'));
    alike := private.searchable(regexp_replace(private.look_alike(cleaned), signs, ' ', 'g'));
    -- A client's own name may begin with another client's. There is no index: what the planner knows of one would tell
    -- who the clients are.
    select max(o.letters) filter (where o.id is distinct from own), max(o.letters) filter (where o.id = own)
    into others, ours
    from (
        select x.id, char_length(replace(n.name, ' ', '')) as letters
        from mpp.organisation x
        cross join lateral (
            values (private.searchable(regexp_replace(x.name, signs, ' ', 'g')), plain),
                (private.searchable(regexp_replace(private.look_alike(x.name), signs, ' ', 'g')), alike)
        ) n (name, said)
        where n.name <> '' and private.opens_with(n.said, n.name)
    ) o;
    if others > coalesce(ours, 0) then
        return array['it is the name of an organisation that plays', 'Choose a name of your own.'];
    end if;
    return null;
end
$$;

create function private.clean_name(
    field text, value text, longest integer default 60, own integer default null, listed boolean default false
) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_name(value, longest, own, listed));
    return private.trimmed(value);
end
$$;

-- An alias, which players see of each other: a name that is no telephone number, not punctuation alone, and not just
-- the word for somebody who helps or watches here. A unit of a client may well be called “Support”.
create function private.clean_alias(value text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.clean_name('alias', value, 30);
    letters text := regexp_replace(private.look_alike(cleaned), '[^a-z]', '', 'g');
begin
    if private.is_ops() then
        return cleaned;
    end if;
    if cleaned ~ '^[ -/:-@\[-`{-~\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2010-\u2027\u2030-\u205e]+$' then
        perform private.refuse('MP010', 'alias', 'it has no letter and no digit', 'Choose a name that others can read.');
    end if;
    -- Of any country: not only with its 0 or its +.
    if regexp_replace(cleaned, '\m20[0-9]{2} ?[-–/] ?20[0-9]{2}\M', '', 'g') ~ '\m[0-9]([ ./()-]*[0-9]){7,}\M' then
        perform private.refuse('MP010', 'alias', 'it looks like a telephone number', 'Choose a name that says nothing about you.');
    end if;
    -- In the spelling of look_alike.
    if letters ~ '^(l|la|le|les|the)?(admln(lstrat(eur|rlce|or|lon))?|support(technlque)?|staff|moderat(eur|rlce|or|lon)|assoclatlon|offlclel|offlclal|organlsat(eur|rlce|lon))s?$' then
        perform private.refuse('MP010', 'alias', 'it is the name of the association', 'Choose a name of your own.');
    end if;
    return cleaned;
end
$$;

-- For the association: set up a client.
create function private.set_organisation(code text, name text, kind api.organisation_kind, language text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    organisation integer;
begin
    perform private.require_ops();
    if code is null or code !~ '^[a-z0-9-]{3,40}$' then
        perform private.refuse('MP010', 'code', coalesce(left(code, 60), 'it is empty'), 'Use 3 to 40 small letters, digits and hyphens.');
    end if;
    if language is not null and language not in ('fr', 'en') then
        perform private.refuse('MP010', 'language', left(language, 20), 'Use fr or en.');
    end if;
    if not private.may_follow(kind) and exists (
        select
        from mpp.organisation o
        where o.code = set_organisation.code
            and (
                exists (select from mpp.territory t where t.organisation_id = o.id)
                or exists (
                    select
                    from mpp.participation p
                    join mpp.edition e on e.id = p.edition_id
                    where p.organisation_id = o.id and e.audience = 'school'
                )
            )
    ) then
        perform private.refuse('MP010', 'kind', format('%s, and it follows schools', kind),
            'Take its territory and its school editions away first.');
    end if;
    insert into mpp.organisation as o (code, name, kind, language)
    values (set_organisation.code, private.clean_line('name', coalesce(set_organisation.name, set_organisation.code), 120),
        coalesce(set_organisation.kind, 'company'), coalesce(set_organisation.language, 'fr'))
    on conflict on constraint organisation_code_key do update
    set name = case when set_organisation.name is null then o.name else excluded.name end,
        kind = coalesce(set_organisation.kind, o.kind),
        language = coalesce(set_organisation.language, o.language)
    returning o.id into organisation;
    perform private.record_act('organisation.set', set_organisation.code);
    return organisation;
end
$$;
grant execute on function private.set_organisation to authenticated, service_role;

create function api.set_organisation(
    code text, name text default null, kind api.organisation_kind default null, language text default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_organisation(code, name, kind, language); end;
comment on function api.set_organisation is 'Makes a client, or corrects the one with this code; what is left out stays. Returns its id. Staff of the association. Errors: MP006, MP010.';
grant execute on function api.set_organisation to authenticated, service_role;

create function private.set_participation(
    organisation_id integer, edition_code text, expected_players integer, asks_phone boolean, carries_name boolean
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    participation integer;
begin
    perform private.require_ops();
    perform private.require_client(organisation_id);
    e := private.find_edition(edition_code);
    -- A client that follows no classes would see nothing there.
    if e.audience = 'school' and not (select private.may_follow(o.kind) from mpp.organisation o where o.id = set_participation.organisation_id) then
        perform private.refuse('MP028', e.code);
    end if;
    if e.organisation_id is not null and e.organisation_id <> set_participation.organisation_id then
        perform private.refuse('MP010', 'edition_code', 'the edition is private to another client', 'Choose another edition.');
    end if;
    if expected_players is not null and expected_players not between 1 and 1000000 then
        perform private.refuse('MP010', 'expected_players', expected_players::text, 'Give a number of people, or nothing.');
    end if;
    insert into mpp.participation as p (organisation_id, edition_id, expected_players, asks_phone, carries_name)
    values (set_participation.organisation_id, e.id, set_participation.expected_players,
        coalesce(set_participation.asks_phone, false), coalesce(set_participation.carries_name, false))
    on conflict on constraint participation_once do update
    set expected_players = coalesce(excluded.expected_players, p.expected_players),
        asks_phone = coalesce(set_participation.asks_phone, p.asks_phone),
        carries_name = coalesce(set_participation.carries_name, p.carries_name)
    returning p.id into participation;
    perform private.record_act('participation.set', set_participation.organisation_id::text, jsonb_build_object('edition', e.code));
    return participation;
end
$$;
grant execute on function private.set_participation to authenticated, service_role;

create function api.set_participation(
    organisation_id integer, edition_code text, expected_players integer default null, asks_phone boolean default null,
    carries_name boolean default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_participation(organisation_id, edition_code, expected_players, asks_phone, carries_name); end;
comment on function api.set_participation is 'Lets a client take part in an edition, or changes its settings; what is left out stays. A school edition is for local authorities, public administrations and networks of schools. Returns the participation id. Staff of the association. Errors: MP006, MP010, MP020, MP028, MP090.';
grant execute on function api.set_participation to authenticated, service_role;
