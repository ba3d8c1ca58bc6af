-- Leagues, their teams and players: the tables, who may read them, the lock and the codes. Joining, leaving and running
-- a league is in 42_membership. Whatever changes a league takes the league's lock (private.lock_league), as a
-- validation does: the whole game has one order of locks.

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
comment on column mpp.league.held_back is 'Taken out of the rankings by the staff; its ambassadors cannot put it back.';
comment on column mpp.league.hidden_with_school is 'Held back because its school was hidden; put back together with the school.';
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
    -- A random id: everybody reads it in the rankings, and a time-ordered one would tell when the person joined.
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
    in_league_since timestamptz not null default private.clock(),
    listing_choice boolean,
    listing_chosen_at timestamptz,
    constraint player_listing_chosen check ((listing_choice is null) = (listing_chosen_at is null)),
    constraint player_once_per_edition unique (account_id, edition_id),
    constraint player_team_with_league check ((team_id is null) = (league_id is null)),
    -- A pupil has no alias: no account, no picture, no place in a public ranking, and one word for a name. So there is
    -- nowhere to write a surname, an address or a date.
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
comment on table mpp.player is 'A person in an edition, as their league sees them. A player who left has no league. A pupil of a class has no account and no alias.';
comment on column mpp.player.initial is 'Initial of a pupil''s surname, only while the first name repeats in the class.';
comment on column mpp.player.in_league_since is 'Since when in this league. joined_at is since when in the edition.';
comment on column mpp.player.listing_choice is 'Whether the person last chose here to be in the public ranking; null where they never chose. Their latest choice holds when they join another edition.';
comment on column mpp.player.listing_chosen_at is 'When they chose it.';
comment on column mpp.player.left_class_id is 'The class that a pupil has left. It bounds how many pupils a class can take in over time.';
create index player_left_class on mpp.player (left_class_id) where left_class_id is not null;
create unique index player_pupil_name_once on mpp.player (league_id, private.folded(first_name), coalesce(initial, ''))
    where alias is null and league_id is not null and first_name <> '—';
create index player_league on mpp.player (league_id);
create index player_team on mpp.player (team_id);
create index player_edition on mpp.player (edition_id);

-- What an erased player is called, in the language of whoever reads: that of their profile, else the first of ours that
-- the request asks for. The rows keep a dash, which nobody can choose for an alias: it has no letter. Write
-- (select private.erased_name()) in a query: it is asked once, and only where such a row is shown.
create function private.erased_name() returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return case coalesce(
        (select p.language from mpp.profile p where p.id = private.my_account()),
        lower(substring(nullif(current_setting('request.headers', true), '')::jsonb ->> 'accept-language'
            from '(?i)(?:^|,)\s*(fr|en|de)(?![a-z])'))
    )
        when 'en' then 'Erased player'
        when 'de' then 'Gelöschte Person'
        else 'Joueur·se effacé·e'
    end;
end
$$;
grant execute on function private.erased_name to anon, authenticated, service_role, mpp_dashboard;

create table mpp.player_contact (
    player_id uuid primary key references mpp.player (id) on delete cascade,
    phone text not null check (phone is not distinct from private.phone_number(phone, null))
);
comment on table mpp.player_contact is 'Phone of a player of an open league, or of a league of a client that asks for it, for adding them to its conversation. The player, the ambassador and the staff read it. Nobody under 15 gives or reads one.';

create table mpp.ambassador (
    league_id uuid not null references mpp.league (id),
    account_id uuid not null references mpp.profile (id) on delete cascade,
    player_id uuid references mpp.player (id),
    is_principal boolean not null,
    granted_at timestamptz not null default private.clock(),
    primary key (league_id, account_id)
);
comment on table mpp.ambassador is 'Who runs a league: one principal ambassador and any number of co-ambassadors.';
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

-- Fifty bits without look-alike letters (Crockford's base 32), which nobody can guess.
create function private.new_join_code() returns text
    language sql set search_path = pg_catalog, pg_temp
as $$
    select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + get_byte(r.bytes, i) % 32, 1), '')
    from (select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) as bytes) r, generate_series(0, 9) i
$$;

-- Who the caller is in the leagues, read live: an expelled player or a removed teacher is out at once.
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

-- Whether a client asks the players of this league for a phone number, which they may leave out.
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
                    where f.id = (select private.my_account()) and private.age_on(f.birth_date, f.birth_date_before, (select private.today())) < 15
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

grant select (id, edition_id, name, category, is_open, listed, created_at, school_id, level) on mpp.league to authenticated;
grant select on mpp.league to service_role;
grant select (id, edition_id, league_id, team_id, alias, first_name, picture_path, listed, joined_at, initial) on mpp.player to authenticated;
grant select (league_id, player_id, is_principal) on mpp.ambassador to authenticated;
grant select on mpp.family to authenticated, service_role;
grant select on mpp.team, mpp.player_contact, mpp.join_code to authenticated, service_role;
grant select on mpp.player, mpp.ambassador to service_role;

-- The lock of a league. Every command takes its locks in this order: a profile, the edition (shared), its leagues, players,
-- their scores. The lock is an advisory one: a row lock would write to the row, and to the log, before every validation.
-- All leagues share 1,024 places, so that an import of a whole edition fits into the lock table of a small server. Two
-- leagues at one place wait for each other, which is right, and rare. Ask what somebody may do after getting the lock.
-- Whatever ends an access takes it too (66_access): the second of the two sees the first.
create function private.lock_leagues(leagues uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(leagues) = 1 then
        perform pg_advisory_xact_lock(hashtext('mpp.league'), uuid_hash(leagues[1]) & 1023);
    else
        -- In the order of their places: whoever needs several never waits for somebody who waits for them.
        perform pg_advisory_xact_lock(hashtext('mpp.league'), x.place)
        from (select distinct uuid_hash(l.id) & 1023 as place from unnest(leagues) l (id) order by place) x;
    end if;
    -- Under a fixed snapshot a league would still look as it did before the lock was had.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform from mpp.score s where s.subject_id = any (leagues) order by s.subject_id for no key update;
    end if;
end
$$;

create function private.lock_league(league uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_leagues(array[league]);
    perform private.require_still_live();
end
$$;

-- Makes new codes for leagues and classes, so that whoever knew the old one enters no more, under any account. Families
-- that entered a class by its code are out until they give the new one, since one of them may be the person who was put
-- out. Invitations of colleagues are void. An invitation to a league of a client that has not left gets the new code.
create function private.renew_codes(leagues uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    -- A family that is entering waits, and then finds that the code is gone. Whoever joins a league did so before the
    -- change.
    perform private.lock_edition(x.edition_id)
    from (
        select distinct l.edition_id from mpp.league l where l.id = any (leagues) and l.school_id is not null order by l.edition_id
    ) x;
    perform private.lock_leagues(array(select l.id from mpp.league l where l.id = any (leagues) and l.school_id is not null));
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
