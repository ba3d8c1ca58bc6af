-- People whom a client invites to its leagues by mail: inviting, listing, removing. Taking a client out of an edition
-- is here too.

create table mpp.participant (
    participation_id integer not null references mpp.participation (id),
    email text not null check (private.is_mail_address(email) and email = lower(email)),
    league_id uuid not null references mpp.league (id),
    invited_at timestamptz not null default private.clock(),
    primary key (participation_id, email)
);
comment on table mpp.participant is 'Addresses that a client invited to one of its leagues. The client does not learn whether they came.';
create index participant_league on mpp.participant (league_id);

alter table mpp.participant enable row level security;

create policy participant_select_authenticated on mpp.participant
    for select to authenticated
    using (participation_id in (select p.id from mpp.participation p where p.organisation_id in (select private.my_client_ids('manager'))));

grant select on mpp.participant to authenticated, service_role;

-- Staff read no league (40_league), so this view gives them the names of theirs.
create view api.client_participants with (security_invoker = true) as
select p.participation_id, p.email, l.name as league, p.league_id, p.invited_at
from mpp.participant p
join private.client_join_codes() l on l.league_id = p.league_id;
comment on view api.client_participants is 'Who was invited to which league, for the managers of the client. It does not tell whether they came.';
comment on column api.client_participants.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_participants.email is 'The address that was invited.';
comment on column api.client_participants.league is 'The league it was invited to.';
comment on column api.client_participants.league_id is 'The same, by id.';
comment on column api.client_participants.invited_at is 'When the invitation was made.';
grant select on api.client_participants to authenticated, service_role;

-- The key of the first, second or third mail that invites an address. The mails that a removed guest was sent stay in
-- the outbox.
create function private.invitation_key(participation integer, email text, number bigint) returns text
    language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select format('invitation:%s:%s', participation, encode(sha256(convert_to(email, 'UTF8')), 'hex'))
        || case when number > 1 then ':' || number else '' end
$$;

-- How many mails invited each address, counted in one go: a function that is asked for each of 2,000 guests costs
-- seconds.
create function private.invitations_sent(participation mpp.participation) returns table (email text, sent bigint)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select m.address, count(*)
    from mpp.outbox m
    where m.organisation_id = participation.organisation_id and m.template = 'player_invitation'
        and starts_with(m.key, format('invitation:%s:', participation.id))
    group by m.address;
end
$$;

-- The names by which a list of guests may call the leagues of a client, in lower case: the league's name, with and
-- without the client's before it.
create function private.league_names(participation integer) returns table (called text, league_id uuid, is_whole boolean)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select lower(l.name), l.id, true
    from mpp.league l
    where l.participation_id = participation
    union all
    select substr(lower(l.name), char_length(b.before) + 1), l.id, false
    from mpp.participation p
    join mpp.organisation o on o.id = p.organisation_id
    cross join lateral (select lower(o.name || ' · ') as before) b
    join mpp.league l on l.participation_id = p.id and starts_with(lower(l.name), b.before)
    where p.id = participation;
end
$$;

-- Spreads guests without a league: each goes to the league that fewest were invited to, as if one after the other.
-- Leagues are filled up to a level like vessels, and the guests take the places below it, the lowest first.
create function private.spread_participants(participation integer, emails text[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.participant (participation_id, email, league_id)
    with filled as (
        select l.id, l.created_at, count(x.email) as guests
        from mpp.league l
        left join mpp.participant x on x.league_id = l.id
        where l.participation_id = participation
        group by l.id, l.created_at
    ), level as (
        select ceil(min((f.below + cardinality(emails)) / f.leagues))::bigint as guests
        from (
            select sum(v.guests) over lowest as below, row_number() over lowest as leagues
            from filled v
            window lowest as (order by v.guests, v.id)
        ) f
    ), place as (
        select f.id as league_id, row_number() over (order by n.guests, f.created_at, f.id) as turn
        from filled f
        cross join level v
        cross join lateral generate_series(f.guests, v.guests) n (guests)
    )
    select participation, g.email, q.league_id
    from unnest(emails) with ordinality g (email, turn)
    join place q on q.turn = g.turn;
end
$$;

create function private.invite_participants(participation_id integer, participants jsonb, dry_run boolean) returns api.import_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.lock_open_participation(participation_id);
    o mpp.organisation;
    e mpp.edition;
    faults jsonb;
    most integer;
    by_ops boolean := private.is_ops();
    emails text[];
    called text[];
    added text[];
    outcome api.import_outcome := (0, 0, 0);
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if jsonb_typeof(participants) is distinct from 'array' or jsonb_array_length(participants) not between 1 and 2000 then
        perform private.refuse('MP010', 'participants', 'it is not a list of 1 to 2,000', 'Send [{"email": "…", "league": "…"}, …].');
    end if;
    perform private.lock_client(p);
    perform private.end_overdue_access(p.organisation_id);
    if not exists (select from mpp.league l where l.participation_id = p.id) then
        perform private.refuse('MP010', 'participants', 'there is no league to invite them to', 'Make the leagues first.');
    end if;
    -- Read what was typed once.
    select array_agg(private.typed_address(g.given ->> 'email') order by g.place),
        array_agg(lower(private.trimmed(left(g.given ->> 'league', 300))) order by g.place)
    into emails, called
    from jsonb_array_elements(participants) with ordinality g (given, place);
    select jsonb_agg(jsonb_build_object('row', f.place, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by f.place) into faults
    from (
        select g.place,
            case
                when jsonb_typeof(g.given) <> 'object' then '["not_an_object"]'::jsonb
                when jsonb_typeof(g.given -> 'email') not in ('string', 'null') then '["address_not_text"]'::jsonb
                when jsonb_typeof(g.given -> 'league') not in ('string', 'null') then '["league_not_text"]'::jsonb
                when not private.is_mail_address(g.email) then '["address_wrong"]'::jsonb
                when count(*) over (partition by g.email) > 1 then '["address_twice"]'::jsonb
                when g.given ->> 'league' is not null and not g.has_league then '["league_unknown"]'::jsonb
                -- Taken off the list and put back on: a new code comes by mail, and nobody is written to for ever.
                when not g.known and g.sent >= 3
                    then '["invited_thrice"]'::jsonb
                -- The association answers for what it imports.
                when not by_ops and not g.known
                    and count(*) filter (where not g.known) over (partition by g.mailbox order by g.place)
                        + coalesce(d.written, 0) > 5
                    then '["mailbox_full"]'::jsonb
            end as fault
        from (
            select x.given, x.place, t.email, k.email is not null as known, coalesce(w.sent, 0) as sent, private.mailbox_of(t.email) as mailbox,
                t.called in (select n.called from private.league_names(p.id) n) as has_league
            from jsonb_array_elements(participants) with ordinality x (given, place)
            join unnest(emails, called) with ordinality t (email, called, place) on t.place = x.place
            left join mpp.participant k on k.participation_id = p.id and k.email = t.email
            left join private.invitations_sent(p) w on w.email = t.email
        ) g
        left join private.invitations_today(o.id) d on d.mailbox = g.mailbox
    ) f
    where f.fault is not null;
    perform private.refuse_import(faults);
    -- A client's account must not become a way to write to the world: an address that was written to counts even after
    -- it was removed.
    most := 2 * greatest(coalesce(p.expected_players, 0), 200);
    if (
        select count(*)
        from (
            select x.email::text from mpp.participant x where x.participation_id = p.id
            union
            select w.email from private.invitations_sent(p) w
            union
            select g.email from unnest(emails) g (email)
        ) everybody
    ) > most then
        perform private.refuse('MP010', 'participants', format('with those invited before they are more than %s', most),
            'Ask Ma Petite Planète to raise the number of expected players.');
    end if;
    select count(*) filter (where k.email is null), count(k.email) into outcome.added, outcome.unchanged
    from unnest(emails) g (email)
    left join mpp.participant k on k.participation_id = p.id and k.email = g.email;
    if outcome.added = 0 or coalesce(dry_run, false) then
        return outcome;
    end if;
    added := array(
        select g.email
        from unnest(emails) with ordinality g (email, place)
        where not exists (select from mpp.participant k where k.participation_id = p.id and k.email = g.email)
        order by g.place
    );
    insert into mpp.participant (participation_id, email, league_id)
    select distinct on (g.place) p.id, g.email, n.league_id
    from unnest(emails, called) with ordinality g (email, called, place)
    join private.league_names(p.id) n on n.called = g.called
    where g.email = any (added)
    -- A league of exactly that name comes before one that has it after the client's.
    order by g.place, n.is_whole desc, n.league_id;
    perform private.spread_participants(p.id, array(
        select a.email
        from unnest(added) with ordinality a (email, place)
        where not exists (select from mpp.participant x where x.participation_id = p.id and x.email = a.email)
        order by a.place
    ));
    -- As queue_mail does, but all at once.
    insert into mpp.outbox (key, message_part, template, data, purpose, address, language, organisation_id, useful_until)
    select k.key, private.message_part(k.key), 'player_invitation',
        jsonb_build_object('league', l.name, 'join_code', c.code, 'edition', e.title ->> o.language, 'starts_at', e.starts_at,
            'ends_at', e.ends_at, 'time_zone', e.time_zone, 'organisation', o.name),
        'invitation', a.email, o.language, o.id, e.registration_closes_at
    from unnest(added) with ordinality a (email, place)
    left join private.invitations_sent(p) w on w.email = a.email
    cross join lateral (select private.invitation_key(p.id, a.email, 1 + coalesce(w.sent, 0)) as key) k
    join mpp.participant x on x.participation_id = p.id and x.email = a.email
    join mpp.league l on l.id = x.league_id
    join mpp.join_code c on c.league_id = l.id
    -- Mails leave in the order of the list.
    order by a.place
    on conflict on constraint outbox_key_key do nothing;
    perform private.record_act('client.invite_participants', o.code, jsonb_build_object('participation', p.id, 'added', outcome.added));
    return outcome;
end
$$;
grant execute on function private.invite_participants to authenticated, service_role;

create function api.invite_participants(participation_id integer, participants jsonb, dry_run boolean default false)
    returns api.import_outcome
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_participants(participation_id, participants, dry_run); end;
comment on function api.invite_participants is 'Invites people by mail to the client''s leagues, all or none: [{"email", "league"}]. Those without a league are spread over the leagues. Somebody who was invited before gets no second mail. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP013, MP021, MP023, MP024, MP047, MP070, MP091–MP093.';
grant execute on function api.invite_participants to authenticated, service_role;

-- Takes guests off the list, with the mail that has not left. What was sent keeps its trace. The league stays open to
-- whoever has its code.
create function private.remove_participants(participation_id integer, emails text[]) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.lock_participation(participation_id);
    o mpp.organisation;
    asked text[];
    removed integer;
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    if emails is null or cardinality(emails) not between 1 and 2000 then
        perform private.refuse('MP010', 'emails', 'it is not a list of 1 to 2,000', 'Send the addresses to remove.');
    end if;
    asked := array(select private.typed_address(x.email) from unnest(emails) x (email));
    perform private.lock_client(p);
    delete from mpp.participant x where x.participation_id = p.id and x.email = any (asked);
    get diagnostics removed = row_count;
    delete from mpp.outbox m
    where m.state = 'queued'
        and m.key = any (array(
            select private.invitation_key(p.id, x.email, n) from unnest(asked) x (email) cross join generate_series(1, 3) n
        ));
    if removed > 0 then
        perform private.record_act('client.remove_participants', o.code, jsonb_build_object('participation', p.id, 'removed', removed));
    end if;
    return removed;
end
$$;
grant execute on function private.remove_participants to authenticated, service_role;

create function api.remove_participants(participation_id integer, emails text[]) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_participants(participation_id, emails); end;
comment on function api.remove_participants is 'Takes people off a client''s list of those invited, and drops their invitation if it has not left. Addresses that are not on the list are ignored. Returns how many were on it. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP013, MP047, MP091–MP093.';
grant execute on function api.remove_participants to authenticated, service_role;

-- The opposite of set_participation, as long as nobody has joined. Scores are never deleted, so its leagues stay as
-- empty shells: without a code, a client or a place in the rankings. Their names are free again.
create function private.withdraw_participation(participation_id integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation;
    o mpp.organisation;
    e mpp.edition;
    played bigint;
    closed integer := 0;
begin
    perform private.require_ops();
    -- Locked first, as by a plan and by removing guests.
    select * into p from mpp.participation x where x.id = withdraw_participation.participation_id for no key update;
    if not found then
        perform private.refuse('MP093');
    end if;
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    perform private.lock_edition(p.edition_id);
    select * into e from mpp.edition x where x.id = p.edition_id;
    if e.frozen_at is not null then
        perform private.refuse('MP024', e.code);
    end if;
    perform private.lock_client(p);
    -- Whoever joins one waits for its lock, and then finds no code.
    perform private.lock_leagues(array(select l.id from mpp.league l where l.participation_id = p.id));
    perform private.require_still_live();
    select count(*) into played
    from mpp.league l
    where l.participation_id = p.id
        and (
            exists (select from mpp.player q where q.league_id = l.id)
            or exists (select from mpp.validation v where v.league_id = l.id)
            or exists (select from mpp.conduct_report r where r.league_id = l.id)
        );
    if played > 0 then
        perform private.refuse('MP099', e.code, played::text);
    end if;
    delete from mpp.outbox m
    where m.state = 'queued' and m.purpose = 'invitation' and m.key like format('invitation:%s:%%', p.id);
    delete from mpp.participant x where x.participation_id = p.id;
    delete from mpp.task t where t.participation_id = p.id;
    delete from mpp.join_code c using mpp.league l where c.league_id = l.id and l.participation_id = p.id;
    update mpp.league l
    set listed = false, held_back = true, participation_id = null, unit_id = null, name = format('— %s', l.id)
    where l.participation_id = p.id;
    get diagnostics closed = row_count;
    delete from mpp.unit u
    where u.organisation_id = p.organisation_id and not exists (select from mpp.league l where l.unit_id = u.id);
    delete from mpp.participation x where x.id = p.id;
    perform private.record_act('participation.withdraw', o.code, jsonb_build_object('edition', e.code, 'participation', p.id, 'leagues', closed));
    return closed;
end
$$;
grant execute on function private.withdraw_participation to authenticated, service_role;

create function api.withdraw_participation(participation_id integer) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.withdraw_participation(participation_id); end;
comment on function api.withdraw_participation is 'Takes a client out of an edition as long as nobody has joined one of its leagues. Its guests, their mails, its plan and its units without leagues are deleted, and its empty leagues are closed. Returns how many leagues were closed. Staff of the association. Errors: MP006, MP024, MP093, MP099.';
grant execute on function api.withdraw_participation to authenticated, service_role;
