-- Leagues, their teams and players. Everything that changes a league waits for that league's lock (private.lock_league),
-- which is also what a validation takes: one order of locks for the whole game.

create type api.league_category as enum ('friends', 'family', 'colleagues', 'neighbours', 'students', 'association', 'other');

create table mpp.league (
    id uuid primary key default private.uuid_v7(),
    edition_id integer not null references mpp.edition (id),
    name mpp.line not null check (char_length(name) <= 60),
    category api.league_category,
    is_open boolean not null default false,
    listed boolean not null default true,
    created_by uuid,
    created_at timestamptz not null default private.clock(),
    school_id uuid references mpp.school (id),
    level mpp.school_level,
    held_back boolean not null default false,
    hidden_with_school boolean not null default false,
    participation_id integer,
    unit_id integer,
    constraint league_in_edition unique (id, edition_id),
    constraint league_held_back check (not (held_back and listed)),
    constraint league_or_class check (
        (school_id is null) = (level is null) and (school_id is null) = (category is not null) and not (school_id is not null and is_open)
    ),
    constraint league_of_participation foreign key (participation_id, edition_id) references mpp.participation (id, edition_id),
    constraint league_of_unit foreign key (unit_id) references mpp.unit (id),
    constraint league_unit_of_client check (unit_id is null or participation_id is not null)
);
comment on table mpp.league is 'A group that plays together: friends, family, colleagues…, or a class of a school.';
comment on column mpp.league.held_back is 'Taken out of the rankings by the staff: its ambassadors do not put it back.';
comment on column mpp.league.hidden_with_school is 'Held back because its school was hidden, and put back with it.';
comment on column mpp.league.school_id is 'The school of a class; null for any other league.';
create index league_created_by on mpp.league (created_by, edition_id);
create index league_participation on mpp.league (participation_id) where participation_id is not null;
create index league_unit on mpp.league (unit_id) where unit_id is not null;
create index league_school on mpp.league (school_id) where school_id is not null;
-- Every school may have a CM2 A.
create unique index league_name_once
    on mpp.league (edition_id, coalesce(school_id, '00000000-0000-0000-0000-000000000000'), lower(name));

create table mpp.team (
    id uuid primary key default private.uuid_v7(),
    league_id uuid not null,
    edition_id integer not null,
    name mpp.line not null check (char_length(name) <= 40),
    created_at timestamptz not null default private.clock(),
    constraint team_in_league unique (id, league_id, edition_id),
    foreign key (league_id, edition_id) references mpp.league (id, edition_id)
);
comment on table mpp.team is 'Part of a league; its players compete with the other teams of the league.';
create unique index team_name_once on mpp.team (league_id, lower(name));

create table mpp.player (
    -- Random: everybody reads it in the rankings, and a time-ordered one would tell when the person joined.
    id uuid primary key default gen_random_uuid(),
    edition_id integer not null references mpp.edition (id),
    account_id uuid references mpp.profile (id) on delete set null,
    league_id uuid,
    team_id uuid,
    alias mpp.line,
    first_name mpp.line not null,
    picture_path text,
    listed boolean not null default true,
    joined_at timestamptz not null default private.clock(),
    initial text,
    left_class_id uuid references mpp.league (id),
    seated_at timestamptz not null default private.clock(),
    constraint player_once_per_edition unique (account_id, edition_id),
    constraint player_in_edition unique (id, edition_id),
    constraint player_team_with_league check ((team_id is null) = (league_id is null)),
    -- A pupil has no alias: no account, no picture, no place in a public ranking, and one word for a name, so that there
    -- is nowhere to write a surname, an address or a date.
    constraint player_pupil_is_private check (
        alias is not null
        or (
            account_id is null and picture_path is null and not listed
            and (first_name = '—' or (char_length(first_name) <= 30 and private.is_one_word(first_name)))
        )
    ),
    constraint player_initial_of_pupil check (
        initial is null
        or (alias is null and char_length(initial) <= 2 and private.is_one_word(initial) and initial !~ '[-''’]')
    ),
    foreign key (team_id, league_id, edition_id) references mpp.team (id, league_id, edition_id)
);
comment on table mpp.player is 'A person in an edition, as their league sees them; a player who left their league has none. A pupil of a class has no account and no alias.';
comment on column mpp.player.initial is 'Of a pupil''s surname, only while the first name repeats in the class.';
comment on column mpp.player.seated_at is 'Since when in this league; joined_at is since when in the edition.';
comment on column mpp.player.left_class_id is 'The class that a pupil has left: a class cannot go on taking in new ones for ever.';
create index player_left_class on mpp.player (left_class_id) where left_class_id is not null;
create unique index player_pupil_name_once on mpp.player (league_id, private.folded(first_name), coalesce(initial, ''))
    where alias is null and league_id is not null and first_name <> '—';
create index player_league on mpp.player (league_id);
create index player_team on mpp.player (team_id);
create index player_edition on mpp.player (edition_id);

create table mpp.player_contact (
    player_id uuid primary key references mpp.player (id) on delete cascade,
    phone text not null check (phone is not distinct from private.phone_number(phone, null))
);
comment on table mpp.player_contact is 'Phone of a player of an open league, or of a client''s that asks for it, for adding them to its conversation: the player, the ambassador and the staff; of and for nobody under 15.';

create table mpp.ambassador (
    league_id uuid not null references mpp.league (id),
    account_id uuid not null references mpp.profile (id) on delete cascade,
    player_id uuid references mpp.player (id),
    is_principal boolean not null,
    granted_at timestamptz not null default private.clock(),
    primary key (league_id, account_id)
);
comment on table mpp.ambassador is 'Who runs a league: one principal and any number of co-ambassadors.';
create unique index ambassador_one_principal on mpp.ambassador (league_id) where is_principal;
create index ambassador_account on mpp.ambassador (account_id);
create index ambassador_player on mpp.ambassador (player_id);

create table mpp.family (
    account_id uuid not null references auth.users (id) on delete cascade,
    league_id uuid not null references mpp.league (id),
    claimed_at timestamptz not null default private.clock(),
    primary key (account_id, league_id)
);
comment on table mpp.family is 'Accounts, mostly anonymous, that read a class because they gave its code: pupils and parents.';
create index family_league on mpp.family (league_id);

create table mpp.join_code (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    renewed_at timestamptz not null default private.clock()
);
comment on table mpp.join_code is 'The code that opens a league, read by its ambassadors only.';

create type api.conduct_kind as enum ('expulsion', 'report');

create table mpp.conduct_report (
    id bigint generated always as identity primary key,
    kind api.conduct_kind not null,
    edition_id integer not null references mpp.edition (id),
    league_id uuid not null references mpp.league (id),
    player_id uuid not null references mpp.player (id),
    account_id uuid,
    reported_by uuid,
    reason text not null check (char_length(reason) between 1 and 500),
    reported_at timestamptz not null default private.clock(),
    resolved_at timestamptz,
    resolution text
);
comment on table mpp.conduct_report is 'What ambassadors and players tell the association; an expulsion also bars the way back.';
create index conduct_report_league on mpp.conduct_report (league_id, account_id) where kind = 'expulsion';
create index conduct_report_player on mpp.conduct_report (player_id);
create index conduct_report_account on mpp.conduct_report (account_id) where account_id is not null;
create index conduct_report_reporter on mpp.conduct_report (reported_by) where reported_by is not null;
create index conduct_report_edition on mpp.conduct_report (edition_id);

-- Fifty bits without look-alike letters (Crockford's base 32): not to be guessed.
create function private.new_join_code() returns text
    language sql set search_path = pg_catalog, pg_temp
as $$
    select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + get_byte(r.bytes, i) % 32, 1), '')
    from (select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) as bytes) r, generate_series(0, 9) i
$$;

-- Who the caller is in the leagues, read live: an expelled player, a removed teacher is out at once.
create function private.my_player_ids() returns setof uuid
    language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$ select p.id from mpp.player p where p.account_id = (select private.my_account()) $$;
grant execute on function private.my_player_ids to authenticated, service_role;

create function private.my_led_league_ids() returns setof uuid
    language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$ select a.league_id from mpp.ambassador a where a.account_id = (select private.my_account()) $$;
grant execute on function private.my_led_league_ids to authenticated;

create function private.my_league_ids() returns setof uuid
    language sql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
    select p.league_id from mpp.player p where p.account_id = (select private.my_account()) and p.league_id is not null
    union
    select a.league_id from mpp.ambassador a where a.account_id = (select private.my_account())
    union
    select f.league_id from mpp.family f where f.account_id = (select private.my_account())
$$;
grant execute on function private.my_league_ids to authenticated;

-- A client may ask its players for a phone number, which they may leave out.
create function private.asks_phone(league uuid) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select
        from mpp.league l
        join mpp.participation p on p.id = l.participation_id
        where l.id = league and p.asks_phone
    );
end
$$;
grant execute on function private.asks_phone to authenticated;

alter table mpp.league enable row level security;
alter table mpp.team enable row level security;
alter table mpp.player enable row level security;
alter table mpp.player_contact enable row level security;
alter table mpp.ambassador enable row level security;
alter table mpp.family enable row level security;
alter table mpp.join_code enable row level security;
alter table mpp.conduct_report enable row level security;

create policy league_select_authenticated on mpp.league
    for select to authenticated
    using (
        id in (select private.my_league_ids())
        or (is_open and edition_id in (select e.id from mpp.edition e where e.opened_at is not null and (select private.read_clock()) < e.registration_closes_at))
        or (select private.is_ops())
    );

create policy team_select_authenticated on mpp.team
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));

create policy player_select_authenticated on mpp.player
    for select to authenticated
    using (
        league_id in (select private.my_league_ids())
        or id in (select private.my_player_ids())
        or (select private.is_ops())
    );

create policy player_contact_select_authenticated on mpp.player_contact
    for select to authenticated
    using (
        player_id in (select private.my_player_ids())
        or player_id in (
            select p.id
            from mpp.player p
            join mpp.league l on l.id = p.league_id
            where (l.is_open or private.asks_phone(l.id)) and l.id in (select private.my_led_league_ids())
                -- A child who runs a league reads nobody's number.
                and not exists (
                    select
                    from mpp.profile f
                    where f.id = (select private.my_account()) and private.age_on(f.birth_date, (select private.today())) < 15
                )
        )
        or (select private.is_ops())
    );

create policy ambassador_select_authenticated on mpp.ambassador
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));

create policy family_select_authenticated on mpp.family
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

create policy join_code_select_authenticated on mpp.join_code
    for select to authenticated
    using (league_id in (select private.my_led_league_ids()) or (select private.is_ops()));

create policy conduct_report_select_ops on mpp.conduct_report
    for select to authenticated
    using ((select private.is_ops()));

grant select (id, edition_id, name, category, is_open, listed, created_at, school_id, level) on mpp.league to authenticated;
grant select on mpp.league to service_role;
grant select on mpp.team, mpp.player_contact, mpp.join_code, mpp.conduct_report to authenticated, service_role;
grant select (id, edition_id, league_id, team_id, alias, first_name, picture_path, listed, joined_at, initial) on mpp.player to authenticated;
grant select (league_id, player_id, is_principal) on mpp.ambassador to authenticated;
grant select on mpp.family to authenticated, service_role;
grant select on mpp.player, mpp.ambassador to service_role;

-- Locks, in this order everywhere: a profile, the edition (shared), its leagues by id, players, their scores. The score
-- row of a league is that league's lock: a validation updates it anyway, and no foreign key refers to it. What somebody may do is
-- asked once they have it, and whatever ends an access takes it too (47_access): the second of the two sees the first.
create function private.lock_league(league uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from mpp.score s where s.subject_id = league for no key update;
    perform private.require_still_live();
end
$$;

-- Keeps a profile from being deleted until the end of this transaction. The deletion takes the profile first, then what
-- belongs to it; whoever adds something to a profile does the same.
create function private.hold_profile(account uuid, plays boolean default true) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from mpp.profile p where p.id = account and (p.alias is not null or not plays) for key share;
    if not found then
        perform private.refuse('MP003');
    end if;
end
$$;

-- The same for the person behind a player, if there still is one.
create function private.hold_profile_of(player uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
as $$
    select from mpp.profile f where f.id = (select p.account_id from mpp.player p where p.id = player) for key share
$$;

-- The edition, locked, in which a league may still be joined now.
create function private.begin_join(edition_id integer) returns mpp.edition
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    at timestamptz;
begin
    perform private.lock_edition(edition_id);
    perform private.require_still_live();
    at := private.clock();
    select * into e from mpp.edition where id = begin_join.edition_id;
    if not found then
        perform private.refuse('MP020', coalesce(edition_id::text, '(none)'));
    end if;
    if e.opened_at is null then
        perform private.refuse('MP021');
    end if;
    if e.frozen_at is not null then
        perform private.refuse('MP024', e.code);
    end if;
    if at >= e.registration_closes_at then
        perform private.refuse('MP023', jsonb_build_object('registration_closes_at', e.registration_closes_at),
            e.code, private.spoken(e.registration_closes_at));
    end if;
    return e;
end
$$;

-- New codes for leagues and classes: whoever knew the old one enters no more, under no account. Families that came by the
-- code of a class are out until they give the new one, since one of them may be who was put out. The invitation of a
-- colleague is void. An invitation to a league of a client that has not left gets the new code.
create function private.renew_codes(leagues uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    -- A family that is coming in waits, and then finds no such code. Whoever joins a league came before it changed.
    perform private.lock_edition(x.edition_id)
    from (
        select distinct l.edition_id from mpp.league l where l.id = any (leagues) and l.school_id is not null order by l.edition_id
    ) x;
    perform
    from mpp.score s
    where s.subject_id in (select l.id from mpp.league l where l.id = any (leagues) and l.school_id is not null)
    order by s.subject_id
    for no key update;
    update mpp.class_code c
    set code = private.new_join_code(), renewed_at = private.clock()
    where c.league_id = any (leagues);
    delete from mpp.family f where f.league_id = any (leagues);
    delete from mpp.class_invitation i where i.league_id = any (leagues);
    -- In order, so that of two that renew the codes of one client the second waits for the first.
    perform from mpp.join_code c where c.league_id = any (leagues) order by c.league_id for update;
    with known as materialized (
        select c.league_id, c.code from mpp.join_code c where c.league_id = any (leagues)
    ), renewed as (
        update mpp.join_code c
        set code = private.new_join_code(), renewed_at = private.clock()
        where c.league_id = any (leagues)
        returning c.league_id, c.code
    )
    update mpp.outbox m
    set data = jsonb_set(m.data, '{join_code}', to_jsonb(r.code))
    from renewed r
    join known k on k.league_id = r.league_id
    join mpp.league l on l.id = r.league_id
    join mpp.participation p on p.id = l.participation_id
    where m.organisation_id = p.organisation_id and m.state = 'queued' and m.template = 'player_invitation'
        and m.data ->> 'join_code' = k.code;
end
$$;

-- A league without an ambassador gets its first co-ambassador, else the player who has been in it longest; an empty one,
-- the player who comes. Never somebody who came later than others: they would be handed other people's phone numbers.
create function private.settle_ambassador(league uuid, otherwise uuid default null) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    heir mpp.player;
begin
    if exists (select from mpp.ambassador a where a.league_id = league and a.is_principal) then
        return;
    end if;
    update mpp.ambassador a
    set is_principal = true
    where a.league_id = league
        and a.account_id = (
            select x.account_id
            from mpp.ambassador x
            where x.league_id = league
            order by private.is_live(x.account_id) desc, x.granted_at, x.account_id
            limit 1
        );
    if found then
        return;
    end if;
    -- An account that is being deleted at this moment holds its profile, and waits for this league: it is passed over.
    select p.* into heir
    from mpp.player p
    join mpp.profile f on f.id = p.account_id
    where p.league_id = league and p.id is distinct from otherwise and private.is_live(p.account_id)
    order by p.seated_at, p.id
    limit 1
    for key share of f skip locked;
    if found then
        insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
        values (league, heir.account_id, heir.id, true);
    elsif otherwise is not null then
        insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
        select p.league_id, p.account_id, p.id, true
        from mpp.player p
        where p.id = otherwise and p.league_id = league and p.account_id is not null;
    end if;
end
$$;

-- Puts an account in a team of a league whose lock is held: the smallest team, the oldest of equals.
create function private.seat(account uuid, league mpp.league, e mpp.edition, phone text) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    me mpp.player;
    team uuid;
    typed_phone text := nullif(private.trimmed(left(phone, 60)), '');
    cleaned_phone text := private.phone_number(typed_phone, (select f.country from mpp.profile f where f.id = account));
begin
    select * into me from mpp.player p where p.account_id = account and p.edition_id = e.id for no key update;
    if me.league_id is not null then
        perform private.refuse('MP030');
    end if;
    if exists (
        select from mpp.conduct_report r
        where r.league_id = league.id and r.account_id = account and r.kind = 'expulsion'
    ) then
        perform private.refuse('MP034');
    end if;
    if (select count(*) from mpp.player p where p.league_id = league.id) >= e.league_max_players then
        perform private.refuse('MP032', e.league_max_players::text);
    end if;
    if league.is_open and private.is_under(account, 15) then
        perform private.refuse('MP052', '15');
    end if;
    if league.is_open and typed_phone is null then
        perform private.refuse('MP033');
    end if;
    if (league.is_open or private.asks_phone(league.id)) and typed_phone is not null and cleaned_phone is null then
        perform private.refuse('MP010', 'phone', 'it is not a telephone number of your country', 'Write it with the + and the code of its country, as +33612345678.');
    end if;

    select t.id into team
    from mpp.team t
    where t.league_id = league.id
    order by (select count(*) from mpp.player p where p.team_id = t.id), t.created_at, t.id
    limit 1;

    if me.id is null then
        insert into mpp.player as p (edition_id, account_id, league_id, team_id, alias, first_name, picture_path, listed)
        select e.id, account, league.id, team, f.alias, f.first_name, f.picture_path, private.may_be_listed(account)
        from mpp.profile f
        where f.id = account
        returning * into me;
    else
        update mpp.player p set league_id = league.id, team_id = team, seated_at = private.clock() where p.id = me.id;
    end if;
    -- The number is kept only where somebody is allowed to use it, and never of a child.
    if cleaned_phone is not null and (league.is_open or private.asks_phone(league.id)) and not private.is_under(account, 15) then
        insert into mpp.player_contact (player_id, phone) values (me.id, cleaned_phone)
        on conflict (player_id) do update set phone = excluded.phone;
    end if;
    return me.id;
end
$$;

create function private.create_league(
    edition_id integer, name text, category api.league_category, is_open boolean, phone text
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_write();
    e mpp.edition;
    league mpp.league;
    player uuid;
    french boolean := private.speaks_french();
begin
    -- Said before anything else of a private edition is.
    if exists (select from mpp.edition x where x.id = create_league.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.hold_profile(account);
    e := private.begin_join(edition_id);
    if e.audience <> 'public' then
        perform private.refuse('MP028', e.code);
    end if;
    if (select count(*) from mpp.league l where l.created_by = account and l.edition_id = e.id) >= 3 then
        perform private.refuse('MP039', '3');
    end if;
    if category is null then
        perform private.refuse('MP010', 'category', 'it is empty', 'Use friends, family, colleagues or another kind of league.');
    end if;
    begin
        insert into mpp.league (edition_id, name, category, is_open, created_by)
        values (e.id, private.clean_name('name', create_league.name), create_league.category,
            coalesce(create_league.is_open, false), account)
        returning * into league;
    exception when unique_violation then
        perform private.refuse('MP038', create_league.name);
    end;
    insert into mpp.team (league_id, edition_id, name)
    select league.id, e.id, format(case when french then 'Équipe %s' else 'Team %s' end, n)
    from generate_series(1, e.teams_per_league) n;
    insert into mpp.join_code (league_id, code) values (league.id, private.new_join_code());
    begin
        player := private.seat(account, league, e, phone);
    exception when unique_violation then
        -- The same account joined elsewhere at the same moment.
        perform private.refuse('MP030');
    end;
    insert into mpp.ambassador (league_id, account_id, player_id, is_principal) values (league.id, account, player, true);
    return league.id;
end
$$;
grant execute on function private.create_league to authenticated;

create function api.create_league(
    edition_id integer, name text, category api.league_category default 'friends', is_open boolean default false,
    phone text default null
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_league(edition_id, name, category, is_open, phone); end;
comment on function api.create_league is 'Creates a league with its teams and join code; the caller plays in it and is its ambassador. Returns the league id. An open league needs a phone, and an age of 15. Errors: MP001–MP003, MP005, MP010, MP011, MP020, MP021, MP023, MP024, MP028, MP030, MP033, MP038, MP039, MP052.';
grant execute on function api.create_league to authenticated;

create function private.join_league(join_code text, league_id uuid, phone text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_write();
    typed text := translate(upper(regexp_replace(left(join_code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    league mpp.league;
    e mpp.edition;
    player uuid;
begin
    if (join_code is null) = (league_id is null) then
        perform private.refuse('MP010', 'join_code', 'give either a join code or the id of an open league', 'Send one of the two.');
    end if;
    if join_code is not null then
        select l.* into league
        from mpp.join_code c
        join mpp.league l on l.id = c.league_id
        where c.code = typed;
    else
        select l.* into league
        from mpp.league l
        join mpp.edition ed on ed.id = l.edition_id
        where l.id = join_league.league_id and l.is_open and ed.organisation_id is null;
    end if;
    if league.id is null then
        perform private.refuse('MP031');
    end if;
    perform private.hold_profile(account);
    e := private.begin_join(league.edition_id);
    perform private.lock_league(league.id);
    -- The code may have been renewed while this waited.
    if join_code is not null and not exists (
        select from mpp.join_code c
        where c.league_id = league.id and c.code = typed
    ) then
        perform private.refuse('MP031');
    end if;
    begin
        player := private.seat(account, league, e, phone);
    exception when unique_violation then
        -- The same account joined elsewhere at the same moment.
        perform private.refuse('MP030');
    end;
    perform private.settle_ambassador(league.id, player);
    return player;
end
$$;
grant execute on function private.join_league to authenticated;

create function api.join_league(join_code text default null, league_id uuid default null, phone text default null) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.join_league(join_code, league_id, phone); end;
comment on function api.join_league is 'Joins a league by its code, or an open league by id with a phone number; nobody under 15 joins an open one. Returns the player id. Errors: MP001–MP003, MP010, MP011, MP021, MP023, MP024, MP030–MP034, MP052.';
grant execute on function api.join_league to authenticated;

-- Locks the league and answers whether the caller runs it; staff do too.
create function private.begin_lead(league uuid) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    edition integer;
    frozen timestamptz;
begin
    if private.is_ops() then
        account := (select private.my_account());
    else
        account := private.begin_write();
    end if;
    select l.edition_id into edition from mpp.league l where l.id = league;
    if edition is not null then
        perform private.lock_edition(edition);
        perform private.lock_league(league);
    end if;
    if edition is null or not (
        private.is_ops()
        or exists (select from mpp.ambassador a where a.league_id = league and a.account_id = account)
    ) then
        perform private.refuse('MP007');
    end if;
    select e.frozen_at into frozen from mpp.edition e where e.id = edition;
    if frozen is not null then
        perform private.refuse('MP024', (select e.code from mpp.edition e where e.id = edition));
    end if;
    return account;
end
$$;

-- The team of a class says nothing about a pupil (45_class).
create function private.clean_team_name(league uuid, name text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from mpp.league l where l.id = league and l.school_id is not null) then
        return private.clean_class_text('name', name, 40);
    end if;
    return private.clean_name('name', name, 40, (
        select p.organisation_id
        from mpp.league l
        join mpp.participation p on p.id = l.participation_id
        where l.id = league
    ));
end
$$;

create function private.create_team(league_id uuid, name text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most integer;
    team uuid;
begin
    perform private.begin_lead(create_team.league_id);
    select e.teams_per_league into most
    from mpp.league l
    join mpp.edition e on e.id = l.edition_id
    where l.id = create_team.league_id;
    if (select count(*) from mpp.team t where t.league_id = create_team.league_id) >= most then
        perform private.refuse('MP037', most::text);
    end if;
    begin
        insert into mpp.team (league_id, edition_id, name)
        select l.id, l.edition_id, private.clean_team_name(l.id, create_team.name)
        from mpp.league l
        where l.id = create_team.league_id
        returning id into team;
    exception when unique_violation then
        perform private.refuse('MP038', create_team.name);
    end;
    return team;
end
$$;
grant execute on function private.create_team to authenticated, service_role;

create function api.create_team(league_id uuid, name text) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_team(league_id, name); end;
comment on function api.create_team is 'Adds a team to a league and returns its id. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP037, MP038.';
grant execute on function api.create_team to authenticated, service_role;

create function private.rename_team(team_id uuid, name text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.begin_lead((select t.league_id from mpp.team t where t.id = rename_team.team_id));
    update mpp.team t set name = private.clean_team_name(t.league_id, rename_team.name) where t.id = rename_team.team_id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;
grant execute on function private.rename_team to authenticated, service_role;

create function api.rename_team(team_id uuid, name text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.rename_team(team_id, name); end;
comment on function api.rename_team is 'Names a team. Ambassadors and staff. Errors: MP001–MP003, MP007, MP010, MP011, MP024, MP038.';
grant execute on function api.rename_team to authenticated, service_role;

-- A player moves to another team of the league: themselves, or moved by the ambassador.
create function private.choose_team(team_id uuid, player_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_write();
    target mpp.team;
    moved mpp.player;
begin
    select * into target from mpp.team t where t.id = choose_team.team_id;
    perform private.lock_edition(target.edition_id);
    perform private.lock_league(target.league_id);
    select * into moved
    from mpp.player p
    where p.league_id = target.league_id
        and case when choose_team.player_id is null then p.account_id = account else p.id = choose_team.player_id end;
    -- A pupil has no account, nor has somebody who deleted theirs.
    if moved.id is null or not (
        coalesce(moved.account_id = account, false)
        or exists (select from mpp.ambassador a where a.league_id = target.league_id and a.account_id = account)
    ) then
        perform private.refuse('MP005');
    end if;
    if exists (select from mpp.edition e where e.id = target.edition_id and e.frozen_at is not null) then
        perform private.refuse('MP024', (select e.code from mpp.edition e where e.id = target.edition_id));
    end if;
    update mpp.player p set team_id = target.id where p.id = moved.id and p.team_id <> target.id;
end
$$;
grant execute on function private.choose_team to authenticated;

create function api.choose_team(team_id uuid, player_id uuid default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.choose_team(team_id, player_id); end;
comment on function api.choose_team is 'Moves the caller, or for an ambassador one of the league''s players, to another team of their league; points stay where they were earned. Errors: MP001–MP003, MP005, MP011, MP024.';
grant execute on function api.choose_team to authenticated;

-- Out of the league, with what only the league needed. The code changes with whoever ran it or was expelled. A player who
-- leaves of their own will could come back anyway, and the code of an empty league is all that leads to it.
create function private.unseat(player uuid, expelled boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = player);
    ran boolean;
begin
    delete from mpp.player_contact c where c.player_id = player;
    delete from mpp.ambassador a
    using mpp.player p
    where p.id = player and a.league_id = p.league_id and a.account_id = p.account_id;
    ran := found;
    update mpp.player p set league_id = null, team_id = null where p.id = player;
    perform private.settle_ambassador(league);
    if expelled or (ran and exists (select from mpp.player p where p.league_id = league)) then
        perform private.renew_codes(array[league]);
    end if;
end
$$;

create function private.leave_league(league_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_write();
    me mpp.player;
begin
    select * into me from mpp.player p where p.account_id = account and p.league_id = leave_league.league_id;
    if not found then
        perform private.refuse('MP035');
    end if;
    perform private.lock_edition(me.edition_id);
    perform private.lock_league(leave_league.league_id);
    -- Expelled, or gone, while this waited.
    select * into me from mpp.player p where p.account_id = account and p.league_id = leave_league.league_id;
    if not found then
        perform private.refuse('MP035');
    end if;
    if exists (select from mpp.edition e where e.id = me.edition_id and e.frozen_at is not null) then
        perform private.refuse('MP024', (select e.code from mpp.edition e where e.id = me.edition_id));
    end if;
    if exists (
            select from mpp.ambassador a
            where a.league_id = leave_league.league_id and a.account_id = account and a.is_principal
        )
        and exists (select from mpp.player p where p.league_id = leave_league.league_id and p.id <> me.id) then
        perform private.refuse('MP036');
    end if;
    perform private.unseat(me.id, expelled => false);
end
$$;
grant execute on function private.leave_league to authenticated;

create function api.leave_league(league_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.leave_league(league_id); end;
comment on function api.leave_league is 'Leaves a league; what was earned there stays there. Errors: MP001–MP003, MP011, MP024, MP035, MP036.';
grant execute on function api.leave_league to authenticated;

create function private.expel_player(player_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = expel_player.player_id);
    account uuid := private.begin_lead(league);
    out mpp.player;
    why text := private.clean_line('reason', reason, 500);
begin
    -- A pupil is not expelled: their teacher removes them from the class.
    select * into out from mpp.player p where p.id = expel_player.player_id and p.league_id = league and p.alias is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    -- Nobody expels themselves, and a co-ambassador does not expel the principal.
    if out.account_id = account
        or (not private.is_ops() and exists (
            select from mpp.ambassador a where a.league_id = league and a.account_id = out.account_id and a.is_principal
        )) then
        perform private.refuse('MP005');
    end if;
    insert into mpp.conduct_report (kind, edition_id, league_id, player_id, account_id, reported_by, reason)
    values ('expulsion', out.edition_id, league, out.id, out.account_id, account, why);
    perform private.unseat(out.id, expelled => true);
    perform private.record_act('league.expel', league::text, jsonb_build_object('player_id', out.id));
end
$$;
grant execute on function private.expel_player to authenticated, service_role;

create function api.expel_player(player_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.expel_player(player_id, reason); end;
comment on function api.expel_player is 'Expels a player from the league, with a reason that the association receives; they lose access at once and cannot come back. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP047.';
grant execute on function api.expel_player to authenticated, service_role;

create function private.hand_over_league(league_id uuid, player_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    heir mpp.player;
begin
    perform private.hold_profile_of(player_id);
    account := private.begin_lead(league_id);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a
        where a.league_id = hand_over_league.league_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP007');
    end if;
    select * into heir
    from mpp.player p
    where p.id = hand_over_league.player_id and p.league_id = hand_over_league.league_id and p.account_id is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    update mpp.ambassador a set is_principal = false where a.league_id = hand_over_league.league_id and a.is_principal;
    insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
    values (hand_over_league.league_id, heir.account_id, heir.id, true)
    on conflict on constraint ambassador_pkey do update set is_principal = true;
    perform private.record_act('league.hand_over', hand_over_league.league_id::text, jsonb_build_object('player_id', heir.id));
end
$$;
grant execute on function private.hand_over_league to authenticated, service_role;

create function api.hand_over_league(league_id uuid, player_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.hand_over_league(league_id, player_id); end;
comment on function api.hand_over_league is 'Makes another player of the league its ambassador; the former one stays co-ambassador. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024, MP047.';
grant execute on function api.hand_over_league to authenticated, service_role;

create function private.set_co_ambassador(player_id uuid, granted boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = set_co_ambassador.player_id);
    account uuid;
    helper mpp.player;
begin
    perform private.hold_profile_of(player_id);
    account := private.begin_lead(league);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = league and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP007');
    end if;
    select * into helper from mpp.player p where p.id = set_co_ambassador.player_id and p.league_id = league and p.account_id is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    if granted then
        insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
        values (league, helper.account_id, helper.id, false)
        on conflict on constraint ambassador_pkey do nothing;
    else
        delete from mpp.ambassador a
        where a.league_id = league and a.account_id = helper.account_id and not a.is_principal;
        -- They read the code.
        if found then
            perform private.renew_codes(array[league]);
        end if;
    end if;
end
$$;
grant execute on function private.set_co_ambassador to authenticated, service_role;

create function api.set_co_ambassador(player_id uuid, granted boolean) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_co_ambassador(player_id, granted); end;
comment on function api.set_co_ambassador is 'Makes a player of the league a co-ambassador, or no longer. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
grant execute on function api.set_co_ambassador to authenticated, service_role;

create function private.renew_join_code(league_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.begin_lead(renew_join_code.league_id);
    -- A class has none: families enter by another code.
    if not exists (select from mpp.join_code c where c.league_id = renew_join_code.league_id) then
        perform private.refuse('MP005');
    end if;
    perform private.renew_codes(array[renew_join_code.league_id]);
    return (select c.code from mpp.join_code c where c.league_id = renew_join_code.league_id);
end
$$;
grant execute on function private.renew_join_code to authenticated, service_role;

create function api.renew_join_code(league_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.renew_join_code(league_id); end;
comment on function api.renew_join_code is 'Replaces the join code of a league and returns the new one; the old one no longer opens it. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
grant execute on function api.renew_join_code to authenticated, service_role;

-- A frozen ranking may lose a name, never gain one.
create function private.begin_listing(edition integer, listed boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    frozen text;
begin
    perform private.lock_edition(edition);
    select e.code into frozen from mpp.edition e where e.id = edition and e.frozen_at is not null;
    if frozen is not null and listed then
        perform private.refuse('MP024', frozen);
    end if;
end
$$;

-- In or out of the public ranking: a player for themselves, an ambassador for the league.
create function private.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    leads boolean;
    mine mpp.player;
begin
    if listed is null then
        perform private.refuse('MP010', 'listed', 'it is empty', 'Send true or false.');
    end if;
    if scope = 'league' then
        account := case when private.is_ops() then (select private.my_account()) else private.begin_write() end;
        perform private.begin_listing((select l.edition_id from mpp.league l where l.id = set_listing.subject_id), listed);
        perform private.lock_league(set_listing.subject_id);
        leads := exists (select from mpp.ambassador a where a.league_id = set_listing.subject_id and a.account_id = account);
        if not leads and not (private.is_ops() and exists (select from mpp.league l where l.id = set_listing.subject_id)) then
            perform private.refuse('MP007');
        end if;
        if leads and listed and exists (
            select
            from mpp.league l
            left join mpp.school h on h.id = l.school_id
            where l.id = set_listing.subject_id and (l.held_back or h.is_hidden)
        ) then
            perform private.refuse('MP010', 'listed', 'Ma Petite Planète took it out of the rankings', 'Write to Ma Petite Planète.');
        end if;
        update mpp.league l
        set listed = set_listing.listed,
            -- A league that says nothing good, a class that is none: what the staff take out stays out.
            held_back = case when leads then l.held_back else not set_listing.listed end,
            hidden_with_school = l.hidden_with_school and leads
        where l.id = set_listing.subject_id
            and (l.listed <> set_listing.listed or (not leads and l.held_back = set_listing.listed));
        if not leads then
            perform private.record_act('league.list', set_listing.subject_id::text, jsonb_build_object('listed', set_listing.listed));
        end if;
    elsif scope = 'player' then
        account := private.begin_write();
        select * into mine from mpp.player p where p.id = set_listing.subject_id and p.account_id = account;
        if not found then
            perform private.refuse('MP005');
        end if;
        if listed and not private.may_be_listed(account) then
            perform private.refuse('MP050');
        end if;
        perform private.begin_listing(mine.edition_id, listed);
        perform private.lock_league(mine.league_id);
        update mpp.player p set listed = set_listing.listed
        where p.id = mine.id and p.listed <> set_listing.listed;
    else
        perform private.refuse('MP010', 'scope', scope::text, 'Use player or league; a team follows its league.');
    end if;
end
$$;
grant execute on function private.set_listing to authenticated, service_role;

create function api.set_listing(scope api.ranking_scope, subject_id uuid, listed boolean) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_listing(scope, subject_id, listed); end;
comment on function api.set_listing is 'Shows or hides a player (themselves) or a league or class (its ambassadors or teachers, and staff) in the public ranking; what the staff took out stays out until they put it back. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP050.';
grant execute on function api.set_listing to authenticated, service_role;

-- Any member tells the association about a player of the league.
create function private.report_conduct(player_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_write();
    reported mpp.player;
begin
    select * into reported
    from mpp.player p
    where p.id = report_conduct.player_id and p.league_id in (select private.my_league_ids()) and p.alias is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    -- One open report by one person about another is enough to be looked into.
    if exists (
        select from mpp.conduct_report r
        where r.player_id = reported.id and r.reported_by = account and r.kind = 'report' and r.resolved_at is null
    ) then
        return;
    end if;
    insert into mpp.conduct_report (kind, edition_id, league_id, player_id, account_id, reported_by, reason)
    values ('report', reported.edition_id, reported.league_id, reported.id, reported.account_id, account,
        private.clean_line('reason', report_conduct.reason, 500));
end
$$;
grant execute on function private.report_conduct to authenticated;

create function api.report_conduct(player_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.report_conduct(player_id, reason); end;
comment on function api.report_conduct is 'Tells the association about a player of one''s own league. Errors: MP001–MP003, MP005, MP010, MP011.';
grant execute on function api.report_conduct to authenticated;

create function private.resolve_conduct_report(id bigint, resolution text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_ops();
    update mpp.conduct_report r
    set resolved_at = private.clock(), resolution = private.clean_line('resolution', resolve_conduct_report.resolution, 500)
    where r.id = resolve_conduct_report.id and r.resolved_at is null;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('conduct.resolve', resolve_conduct_report.id::text);
end
$$;
grant execute on function private.resolve_conduct_report to authenticated, service_role;

create function api.resolve_conduct_report(id bigint, resolution text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.resolve_conduct_report(id, resolution); end;
comment on function api.resolve_conduct_report is 'Closes a conduct report with a note. Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.resolve_conduct_report to authenticated, service_role;

create view api.conduct_reports with (security_invoker = true) as
select r.id, r.kind, r.edition_id, r.league_id, r.player_id, r.account_id, r.reported_by, r.reason, r.reported_at, r.resolved_at, r.resolution
from mpp.conduct_report r cross join (select) read_only;
comment on view api.conduct_reports is 'Expulsions and reports to look into. Staff only.';
grant select on api.conduct_reports to authenticated, service_role;

-- What a person corrects in their profile, their leagues see in every edition that is not frozen.
create function private.profile_show_in_leagues() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.player p
    set alias = new.alias, first_name = new.first_name, picture_path = new.picture_path
    from mpp.edition e
    where p.account_id = new.id and e.id = p.edition_id and e.frozen_at is null;
    if not private.may_be_listed(new.id) then
        update mpp.player p set listed = false where p.account_id = new.id and p.listed;
    end if;
    if private.is_under(new.id, 15) then
        delete from mpp.player_contact c using mpp.player p where p.id = c.player_id and p.account_id = new.id;
    end if;
    return null;
end
$$;

create trigger profile_show_in_leagues
    after update of alias, first_name, picture_path, birth_date, guardian_consent_at on mpp.profile
    for each row execute function private.profile_show_in_leagues();

create function private.lock_editions_of(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_edition(p.edition_id)
    from (select x.edition_id from mpp.player x where x.account_id = account order by x.edition_id) p;
end
$$;

-- A deleted account leaves its points and its rank, under no name: in a frozen ranking its line stays where it stood, and
-- in one that runs it is listed no longer.
create function private.profile_forget() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
begin
    -- Leaving the ranking must not slip past a freeze.
    perform private.lock_editions_of(old.id);
    perform
    from mpp.score s
    where s.subject_id in (
        select p.league_id from mpp.player p where p.account_id = old.id
        union
        select a.league_id from mpp.ambassador a where a.account_id = old.id
    )
    order by s.subject_id
    for no key update;
    delete from mpp.player_contact c using mpp.player p where p.id = c.player_id and p.account_id = old.id;
    update mpp.player p
    set account_id = null, alias = '—', first_name = '—', picture_path = null,
        listed = p.listed and exists (select from mpp.edition e where e.id = p.edition_id and e.frozen_at is not null)
    where p.account_id = old.id;
    with left_behind as (
        delete from mpp.ambassador a where a.account_id = old.id returning a.league_id
    )
    select array_agg(l.league_id) into leagues from left_behind l;
    perform private.settle_ambassador(l.id) from unnest(leagues) l (id);
    -- A class that nobody teaches any more is nobody's to show, until the staff give it to another teacher. An invitation
    -- would let in whoever made it, under another account.
    delete from mpp.class_invitation i where i.league_id = any (leagues);
    delete from mpp.family f
    where f.league_id in (select l.id from mpp.league l where l.id = any (leagues) and l.school_id is not null)
        and not exists (select from mpp.ambassador a where a.league_id = f.league_id);
    delete from mpp.class_code c
    where c.league_id = any (leagues) and not exists (select from mpp.ambassador a where a.league_id = c.league_id);
    -- What they ran and others go on running, nobody enters by what they knew.
    perform private.renew_codes(array(
        select l.id from unnest(leagues) l (id) where exists (select from mpp.ambassador a where a.league_id = l.id)));
    return old;
end
$$;

create trigger profile_forget
    before delete on mpp.profile
    for each row execute function private.profile_forget();
