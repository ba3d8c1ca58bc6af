-- The mail of an invitation names the last day of the edition in the edition's own time zone. Mails that are queued already
-- have none and are written in that of Paris.

create or replace function private.invite_participants(participation_id integer, participants jsonb, dry_run boolean) returns api.import_outcome
    language plpgsql
    security definer
    set search_path = ''
as $$
declare
    p mpp.participation := private.begin_client_leagues(participation_id);
    o mpp.organisation;
    e mpp.edition;
    wrong integer;
    first_wrong text;
    most integer;
    guest record;
    outcome api.import_outcome := (0, 0, 0);
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if jsonb_typeof(participants) is distinct from 'array' or jsonb_array_length(participants) not between 1 and 2000 then
        perform private.refuse('MP010', 'participants', 'it is not a list of 1 to 2,000', 'Send [{"email": "…", "league": "…"}, …].');
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.client'), o.id);
    if not exists (select from mpp.league l where l.participation_id = p.id) then
        perform private.refuse('MP010', 'participants', 'there is no league to invite them to', 'Make the leagues first.');
    end if;
    select count(*), (array_agg(format('row %s: %s', f.place, f.fault) order by f.place))[1] into wrong, first_wrong
    from (
        select g.place,
            case
                when jsonb_typeof(g.given) <> 'object' then 'it is not an object'
                when not private.is_mail_address(lower(btrim(g.given ->> 'email'))) then 'its address is not one'
                when count(*) over (partition by lower(btrim(g.given ->> 'email'))) > 1 then 'its address comes twice'
                when g.given ->> 'league' is not null and not exists (
                    select from mpp.league l
                    where l.participation_id = p.id
                        and lower(l.name) in (lower(btrim(g.given ->> 'league')), lower(o.name || ' · ' || btrim(g.given ->> 'league')))
                ) then 'its league is none of the client''s'
            end as fault
        from jsonb_array_elements(participants) with ordinality g (given, place)
    ) f
    where f.fault is not null;
    if wrong > 0 then
        perform private.refuse('MP070', wrong::text, first_wrong);
    end if;
    -- A client's account must not become a way to write to the world.
    most := 2 * greatest(coalesce(p.expected_players, 0), 200);
    if (
        select count(*)
        from (
            select x.email::text from mpp.participant x where x.participation_id = p.id
            union
            select lower(btrim(g.value ->> 'email')) from jsonb_array_elements(participants) g
        ) everybody
    ) > most then
        perform private.refuse('MP010', 'participants', format('with those invited before they are more than %s', most),
            'Ask Ma Petite Planète to raise the number of expected players.');
    end if;
    for guest in
        select lower(btrim(g.given ->> 'email')) as email, g.given ->> 'league' as league
        from jsonb_array_elements(participants) with ordinality g (given, place)
        order by g.place
    loop
        if exists (select from mpp.participant x where x.participation_id = p.id and x.email = guest.email) then
            outcome.unchanged := outcome.unchanged + 1;
            continue;
        end if;
        outcome.added := outcome.added + 1;
        continue when coalesce(dry_run, false);
        -- Without a league named: the one that fewest were invited to.
        insert into mpp.participant (participation_id, email, league_id)
        select p.id, guest.email, l.id
        from mpp.league l
        where l.participation_id = p.id
            and (guest.league is null
                or lower(l.name) in (lower(btrim(guest.league)), lower(o.name || ' · ' || btrim(guest.league))))
        order by (select count(*) from mpp.participant x where x.league_id = l.id), l.created_at, l.id
        limit 1;
        perform private.queue_mail(
            format('invitation:%s:%s', p.id, encode(sha256(convert_to(guest.email, 'UTF8')), 'hex')),
            'player_invitation',
            jsonb_build_object('league', l.name, 'join_code', c.code, 'edition', e.title ->> o.language, 'starts_at', e.starts_at,
                'ends_at', e.ends_at, 'time_zone', e.time_zone, 'organisation', o.name),
            purpose => 'invitation', address => guest.email, language => o.language, useful_until => e.registration_closes_at)
        from mpp.participant x
        join mpp.league l on l.id = x.league_id
        join mpp.join_code c on c.league_id = l.id
        where x.participation_id = p.id and x.email = guest.email;
    end loop;
    if outcome.added > 0 and not coalesce(dry_run, false) then
        perform private.record_act('client.invite_participants', o.code, jsonb_build_object('participation', p.id, 'added', outcome.added));
    end if;
    return outcome;
end
$$;
