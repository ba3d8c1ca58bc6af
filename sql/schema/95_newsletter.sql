-- Mails to many: the newsletter, the announcement of new terms of use, and the note of a league's week. The note goes to those who agreed to the alerts of
-- their league: its players and whoever runs it, also the teachers of a class. Ambassadors of a client's league get the
-- note of the client's report instead (weekly_readers): one mail a week.

create table mpp.newsletter (
    code text not null check (code ~ '^[a-z0-9-]{3,60}$'),
    language text not null check (language in ('fr', 'en')),
    subject mpp.line not null,
    body text not null check (octet_length(body) between 1 and 100000),
    created_at timestamptz not null default private.clock(),
    primary key (code, language)
);
comment on table mpp.newsletter is 'Newsletters: one text for everybody who gets it.';

alter table mpp.newsletter enable row level security;

create type api.newsletter_batch as (queued integer, already integer, after uuid);
comment on type api.newsletter_batch is 'What one call of queue_newsletter or queue_terms_notices did. The next batch begins at after, which is null at the end.';

-- One batch per call, each its own transaction. A run that is cut off begins again, and what was queued stays queued
-- once.
create function private.queue_newsletter(code text, language text, subject text, body text, after uuid, how_many integer)
    returns api.newsletter_batch
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    known mpp.newsletter;
    reader uuid;
    seen integer := 0;
    batch api.newsletter_batch := row (0, 0, null);
begin
    perform private.require_service();
    if code is null or code !~ '^[a-z0-9-]{3,60}$' then
        perform private.refuse('MP010', 'code', coalesce(left(code, 60), 'it is empty'), 'Use 3 to 60 small letters, digits and hyphens.');
    end if;
    if language is null or language not in ('fr', 'en') then
        perform private.refuse('MP010', 'language', coalesce(left(language, 20), 'it is empty'), 'Use fr or en.');
    end if;
    if coalesce(btrim(body), '') = '' or octet_length(body) > 100000 then
        perform private.refuse('MP010', 'body', 'it is empty or too long', 'Give a text of 100,000 bytes at most.');
    end if;
    if how_many is null or how_many not between 1 and 5000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 5000.');
    end if;
    insert into mpp.newsletter (code, language, subject, body)
    values (queue_newsletter.code, queue_newsletter.language, private.clean_line('subject', queue_newsletter.subject, 120),
        queue_newsletter.body)
    on conflict do nothing;
    select * into known
    from mpp.newsletter n
    where n.code = queue_newsletter.code and n.language = queue_newsletter.language;
    if (known.subject, known.body) is distinct from (private.clean_line('subject', queue_newsletter.subject, 120), queue_newsletter.body) then
        perform private.refuse('MP098', queue_newsletter.code);
    end if;
    for reader in
        select p.id
        from mpp.profile p
        cross join lateral (
            select c.granted from mpp.consent c where c.account_id = p.id and c.purpose = 'newsletter' order by c.id desc limit 1
        ) latest
        where latest.granted
            and p.id > coalesce(queue_newsletter.after, '00000000-0000-0000-0000-000000000000')
            and case p.language when 'fr' then 'fr' else 'en' end = queue_newsletter.language
        order by p.id
        limit how_many
    loop
        seen := seen + 1;
        batch.after := reader;
        if private.queue_mail(format('newsletter/%s/%s', queue_newsletter.code, reader), 'newsletter',
            jsonb_build_object('newsletter', queue_newsletter.code), 'newsletter', account_id => reader,
            language => queue_newsletter.language) then
            batch.queued := batch.queued + 1;
        else
            batch.already := batch.already + 1;
        end if;
    end loop;
    if seen < how_many then
        batch.after := null;
    end if;
    if batch.queued > 0 then
        perform private.record_act('newsletter.queue', queue_newsletter.code,
            jsonb_build_object('language', queue_newsletter.language, 'queued', batch.queued));
    end if;
    return batch;
end
$$;
grant execute on function private.queue_newsletter to service_role;

create function api.queue_newsletter(
    code text, language text, subject text, body text, after uuid default null, how_many integer default 500
) returns api.newsletter_batch
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_newsletter(code, language, subject, body, after, how_many); end;
comment on function api.queue_newsletter is 'Queues a newsletter for the next people who agreed to it, in their language, each once. Call it again with after until after is null. Secret key only. Errors: MP006, MP010, MP098.';
grant execute on function api.queue_newsletter to service_role;

-- To everybody who has not accepted this version, once. It is a service mail: nobody unsubscribes from what they are
-- bound by. One batch per call, each its own transaction.
create function private.queue_terms_notices(version text, after uuid, how_many integer) returns api.newsletter_batch
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    terms mpp.terms_version;
    reader record;
    seen integer := 0;
    batch api.newsletter_batch := row (0, 0, null);
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 5000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 5000.');
    end if;
    select * into terms from mpp.terms_version t where t.version = queue_terms_notices.version;
    if not found or exists (select from mpp.terms_version t where t.published_at > terms.published_at) then
        perform private.refuse('MP010', 'version', coalesce(left(version, 40), 'it is empty'), 'Announce the version that was published last.');
    end if;
    for reader in
        select p.id, case p.language when 'fr' then 'fr' else 'en' end as mail_language, p.language
        from mpp.profile p
        where p.id > coalesce(queue_terms_notices.after, '00000000-0000-0000-0000-000000000000')
            and p.terms_published_at < terms.published_at
        order by p.id
        limit how_many
    loop
        seen := seen + 1;
        batch.after := reader.id;
        if private.queue_mail(format('terms/%s/%s', terms.version, reader.id), 'terms_notice',
            jsonb_build_object('version', terms.version, 'effective_at', terms.effective_at,
                'link', coalesce(terms.address ->> reader.language, terms.address ->> reader.mail_language)),
            account_id => reader.id, language => reader.mail_language) then
            batch.queued := batch.queued + 1;
        else
            batch.already := batch.already + 1;
        end if;
    end loop;
    if seen < how_many then
        batch.after := null;
    end if;
    if batch.queued > 0 then
        perform private.record_act('terms.announce', terms.version, jsonb_build_object('queued', batch.queued));
    end if;
    return batch;
end
$$;
grant execute on function private.queue_terms_notices to service_role;

create function api.queue_terms_notices(version text, after uuid default null, how_many integer default 500) returns api.newsletter_batch
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_terms_notices(version, after, how_many); end;
comment on function api.queue_terms_notices is 'Queues the announcement of the version of the terms that was published last, for the next people who have not accepted it, each once. Call it again with after until after is null. Secret key only. Errors: MP006, MP010.';
grant execute on function api.queue_terms_notices to service_role;

create type api.league_note_batch as (leagues integer, queued integer, already integer, after uuid);
comment on type api.league_note_batch is 'What one call of queue_league_notes did. The next batch begins at after, which is null at the end.';

-- One batch of whole leagues per call, with so many players together, each its own transaction. A run that is cut off
-- begins again, and what was queued stays queued once.
create function private.queue_league_notes(edition_code text, after uuid, how_many integer, dry_run boolean)
    returns api.league_note_batch
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
    e mpp.edition;
    week record;
    too_late timestamptz;
    note record;
    batch api.league_note_batch := row (0, 0, 0, null);
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 5000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 5000.');
    end if;
    select * into e from mpp.edition x where x.code = queue_league_notes.edition_code;
    if not found then
        perform private.refuse('MP020', coalesce(left(edition_code, 60), '—'));
    end if;
    select w.* into week from private.weeks_of(e.id, at) w order by w.number desc limit 1;
    too_late := (week.last_day + 8)::timestamp at time zone e.time_zone;
    -- Nothing has happened yet, or it is no news any more.
    if e.opened_at is null or week.number is null or at >= too_late then
        perform private.refuse_not_running(e);
    end if;
    for note in
        with next_one as (
            select l.id, l.name, l.school_id is not null as is_class, l.participation_id is not null as of_client,
                s.points, s.players, s.value, s.listed
            from mpp.league l
            join mpp.score s on s.subject_id = l.id
            where l.edition_id = e.id and l.id > coalesce(queue_league_notes.after, '00000000-0000-0000-0000-000000000000')
            order by l.id
            limit how_many
        ), league as (
            -- At least one league, and more until they have so many players together.
            select n.*
            from (select x.*, sum(x.players) over (order by x.id) - x.players as earlier from next_one x) n
            where n.earlier < how_many
        ), figures as (
            select l.id, l.points, l.players, case when l.listed then private.rank_of(e.id, 'league', l.value) end as rank,
                v.validations, v.validations_change, v.points_change
            from league l
            cross join lateral (
                select
                    count(*) as validations,
                    count(*) filter (where x.validated_at >= week.opens) as validations_change,
                    coalesce(sum(x.points) filter (where x.validated_at >= week.opens), 0) as points_change
                from mpp.validation x
                where x.league_id = l.id and x.state = 'credited'
            ) v
        ), reader as (
            select p.league_id, p.account_id, p.id as player_id
            from league l
            join mpp.player p on p.league_id = l.id and p.account_id is not null
            union all
            select a.league_id, a.account_id, null
            from league l
            join mpp.ambassador a on a.league_id = l.id
            where not exists (select from mpp.player p where p.league_id = l.id and p.account_id = a.account_id)
        )
        select l.id, l.name, l.is_class, f.rank, f.points, f.players, f.validations, f.validations_change, f.points_change, r.account_id,
            case p.language when 'fr' then 'fr' else 'en' end as language,
            mine.points as own_points, mine.this_week as own_change,
            format('league-note/%s/%s/%s', l.id, week.number, r.account_id) as key
        from league l
        join figures f on f.id = l.id
        left join (
            reader r
            join mpp.profile p on p.id = r.account_id
            cross join lateral (
                select c.granted
                from mpp.consent c
                where c.account_id = r.account_id and c.purpose = 'league_alerts'
                order by c.id desc
                limit 1
            ) latest
        ) on r.league_id = l.id
            and latest.granted
            and not (l.of_client and exists (
                select from mpp.ambassador a where a.league_id = l.id and a.account_id = r.account_id
            ))
        left join lateral (
            select s.points, (
                select coalesce(sum(x.points), 0)
                from mpp.validation x
                where x.player_id = r.player_id and x.state = 'credited' and x.validated_at >= week.opens
            ) as this_week
            from mpp.score s
            where s.subject_id = r.player_id
        ) mine on true
        order by l.id
    loop
        if batch.after is distinct from note.id then
            batch.leagues := batch.leagues + 1;
            batch.after := note.id;
        end if;
        if note.account_id is null then
            continue;
        end if;
        if dry_run and not exists (select from mpp.outbox o where o.key = note.key) then
            batch.queued := batch.queued + 1;
        elsif not dry_run and private.queue_mail(
            note.key, 'league_note',
            jsonb_build_object(
                'league', note.name,
                'edition', coalesce(e.title ->> note.language, e.title ->> 'en', e.code),
                'is_class', note.is_class,
                'rank', note.rank,
                'own_points', note.own_points,
                'own_change', note.own_change,
                'figures', jsonb_build_array(
                    jsonb_build_object('name', case when note.is_class then 'pupils' else 'players' end, 'value', note.players),
                    jsonb_build_object('name', 'validations', 'value', note.validations, 'change', note.validations_change),
                    jsonb_build_object('name', 'points', 'value', note.points, 'change', note.points_change)
                )
            ),
            'league_alerts', account_id => note.account_id, language => note.language, league_id => note.id,
            useful_until => too_late
        ) then
            batch.queued := batch.queued + 1;
        else
            batch.already := batch.already + 1;
        end if;
    end loop;
    if not exists (select from mpp.league l where l.edition_id = e.id and l.id > batch.after) then
        batch.after := null;
    end if;
    if batch.queued > 0 and not dry_run then
        perform private.record_act('league_notes.queue', e.code, jsonb_build_object('week', week.number, 'queued', batch.queued));
    end if;
    return batch;
end
$$;
grant execute on function private.queue_league_notes to service_role;

create function api.queue_league_notes(
    edition_code text, after uuid default null, how_many integer default 500, dry_run boolean default false
) returns api.league_note_batch
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.queue_league_notes(edition_code, after, how_many, dry_run); end;
comment on function api.queue_league_notes is 'Queues the notes of the week for the players and ambassadors who agreed to alerts, each once a week, for the next leagues with how_many players together. Call it again with after until after is null. dry_run only counts. Secret key only. Errors: MP006, MP010, MP020, MP022.';
grant execute on function api.queue_league_notes to service_role;
