-- Playing at school: only teachers validate, for one pupil, several, a team or the whole class, and from the tracking
-- sheet that they keep beside the game. The ledger and the scores are the same as everybody's (70_validation,
-- 72_score).

create table mpp.class_request (
    request_key uuid primary key,
    league_id uuid not null references mpp.league (id),
    challenge_id integer not null references mpp.edition_challenge (id),
    team_id uuid references mpp.team (id),
    pupil_ids uuid[],
    answered uuid[] not null,
    requested_at timestamptz not null default private.clock()
);
comment on table mpp.class_request is 'Requests of validate_for_pupils by key: a request that is sent twice is done once, and answered for the same pupils.';
create index class_request_league on mpp.class_request (league_id);
create index class_request_challenge on mpp.class_request (challenge_id);
create index class_request_team on mpp.class_request (team_id);

alter table mpp.class_request enable row level security;

create type api.pupil_validation as (pupil_id uuid, validation_id uuid, state api.validation_state, points integer);
comment on type api.pupil_validation is 'What a request did for one pupil; validation_id is null for a pupil who was at the limit of the challenge.';

-- The id of the validation of one pupil in a request: always the same for the same two.
create function private.validation_key(request_key uuid, pupil uuid) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select encode(substring(sha256(uuid_send(request_key) || uuid_send(pupil)) for 16), 'hex')::uuid
$$;

create function private.pupil_validations(request_key uuid, pupils uuid[]) returns setof api.pupil_validation
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p.id, v.id, v.state, v.points::integer
    from unnest(pupils) with ordinality p (id, place)
    left join mpp.validation v on v.id = private.validation_key(request_key, p.id)
    order by p.place
$$;

create function private.validate_for_pupils(
    class_id uuid, challenge_id integer, request_key uuid, pupil_ids uuid[], team_id uuid, proof_sent boolean
) returns setof api.pupil_validation
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    class mpp.league;
    e mpp.edition;
    c mpp.edition_challenge;
    earlier mpp.class_request;
    at timestamptz;
    chosen uuid[];
    doing uuid[];
begin
    if request_key is null then
        perform private.refuse('MP010', 'request_key', 'it is empty', 'Make a UUID for each request.');
    end if;
    if pupil_ids is not null and team_id is not null then
        perform private.refuse('MP010', 'team_id', 'pupils are named too', 'Name pupils, or a team, or neither for the whole class.');
    end if;
    if cardinality(pupil_ids) not between 1 and 1000 then
        perform private.refuse('MP010', 'pupil_ids', format('it has %s elements', cardinality(pupil_ids)), 'Name 1 to 1,000 pupils of the class.');
    end if;
    account := private.lock_class(class_id);
    at := private.clock();
    select * into class from mpp.league l where l.id = class_id;

    select * into earlier from mpp.class_request r where r.request_key = validate_for_pupils.request_key;
    if found then
        if (earlier.league_id, earlier.challenge_id, earlier.team_id, earlier.pupil_ids)
            is distinct from (class.id, validate_for_pupils.challenge_id, validate_for_pupils.team_id, validate_for_pupils.pupil_ids) then
            perform private.refuse('MP044');
        end if;
        return query select * from private.pupil_validations(earlier.request_key, earlier.answered);
        return;
    end if;

    select * into e from mpp.edition x where x.id = class.edition_id;
    perform private.require_running(e, at);
    select * into c from mpp.edition_challenge x where x.id = validate_for_pupils.challenge_id and x.edition_id = e.id;
    if not found or not private.is_announced(c.kind, c.opens_at, at) then
        perform private.refuse('MP040');
    end if;
    if not private.is_in_play(class, c) then
        perform private.refuse('MP084');
    end if;
    perform private.require_open_challenge(c, at);
    if c.needs_proof and not coalesce(proof_sent, false) then
        perform private.refuse('MP043');
    end if;

    if team_id is not null and not exists (select from mpp.team t where t.id = validate_for_pupils.team_id and t.league_id = class.id) then
        perform private.refuse('MP083');
    end if;
    chosen := array(
        select p.id
        from mpp.player p
        where p.league_id = class.id
            and (validate_for_pupils.team_id is null or p.team_id = validate_for_pupils.team_id)
            and (validate_for_pupils.pupil_ids is null or p.id = any (validate_for_pupils.pupil_ids))
        order by p.joined_at, p.id
    );
    if cardinality(chosen) < (select count(distinct i.id) from unnest(validate_for_pupils.pupil_ids) i (id))
        or array_position(validate_for_pupils.pupil_ids, null) is not null then
        perform private.refuse('MP083');
    end if;
    if cardinality(chosen) = 0 then
        perform private.refuse('MP010', 'class_id', 'there is no pupil in it', 'Add pupils first.');
    end if;
    -- A teacher validates for the whole class at one touch. Pupils who have done it before are left as they are.
    doing := array(
        select p.id
        from unnest(chosen) p (id)
        where case
            -- As in validate_challenge.
            when c.repeat_limit is null then (
                select count(*) from mpp.validation v
                where v.player_id = p.id and v.challenge_id = c.id and v.validated_at > at - interval '24 hours'
            ) < 50
            else (
                select count(*) from mpp.validation v
                where v.player_id = p.id and v.challenge_id = c.id and v.state <> 'cancelled'
            ) < c.repeat_limit
        end
    );
    if cardinality(doing) = 0 then
        if c.repeat_limit is null then
            perform private.refuse('MP047', '50');
        end if;
        perform private.refuse('MP042', c.repeat_limit::text);
    end if;

    if not private.is_ops() and (
        select count(*) from mpp.class_request r where r.league_id = class.id and r.requested_at > at - interval '24 hours'
    ) >= 1000 then
        perform private.refuse('MP047', '1000');
    end if;

    insert into mpp.class_request (request_key, league_id, challenge_id, team_id, pupil_ids, answered)
    values (validate_for_pupils.request_key, class.id, c.id, validate_for_pupils.team_id, validate_for_pupils.pupil_ids, chosen)
    on conflict do nothing;
    -- Unless another class used the key at the same moment.
    if not found or private.record_validations(
        array(select private.validation_key(validate_for_pupils.request_key, p.id) from unnest(doing) p (id)), doing,
        array_fill(c.id, array[cardinality(doing)]), array_fill(at, array[cardinality(doing)]),
        array_fill(coalesce(validate_for_pupils.proof_sent, false), array[cardinality(doing)]), account
    ) < cardinality(doing) then
        perform private.refuse('MP044');
    end if;
    perform private.record_for_class('class.validate', class.id, jsonb_build_object('request_key', validate_for_pupils.request_key, 'pupils', cardinality(doing)));
    return query select * from private.pupil_validations(validate_for_pupils.request_key, chosen);
end
$$;
grant execute on function private.validate_for_pupils to authenticated, service_role;

create function api.validate_for_pupils(
    class_id uuid, challenge_id integer, request_key uuid, pupil_ids uuid[] default null, team_id uuid default null,
    proof_sent boolean default false
) returns setof api.pupil_validation
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.validate_for_pupils(class_id, challenge_id, request_key, pupil_ids, team_id, proof_sent); end;
comment on function api.validate_for_pupils is 'Validates a challenge for pupils of a class: those named, a team, or everybody. Pupils who had reached its limit, or did a challenge without a limit fifty times in 24 hours, are left as they are. The same request_key gives the same validations, once. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP040–MP044, MP047, MP083, MP084.';
grant execute on function api.validate_for_pupils to authenticated, service_role;

create function private.cancel_for_pupils(class_id uuid, validation_ids uuid[]) returns setof api.pupil_validation
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.lock_class(class_id);
    at timestamptz := private.clock();
    e mpp.edition;
    cancelled integer;
begin
    select x.* into e from mpp.league l join mpp.edition x on x.id = l.edition_id where l.id = class_id;
    -- The staff may until the ranking is frozen.
    if not by_ops and private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse_not_running(e);
    end if;
    if coalesce(cardinality(validation_ids), 0) not between 1 and 1000 then
        perform private.refuse('MP010', 'validation_ids', format('it has %s elements', coalesce(cardinality(validation_ids), 0)),
            'Name 1 to 1,000 validations of the class.');
    end if;
    if exists (
        select
        from unnest(validation_ids) i (id)
        where not exists (select from mpp.validation v where v.id = i.id and v.league_id = class_id)
    ) then
        perform private.refuse('MP083');
    end if;
    -- As in cancel_validation. A sheet that was read wrongly may be taken back whole.
    if not by_ops and (
        select count(*)
        from mpp.validation v
        where v.league_id = class_id and v.cancelled_by is not null and v.changed_at > at - interval '24 hours'
    ) >= 2000 then
        perform private.refuse('MP047', '2000');
    end if;
    update mpp.validation v
    set state = 'cancelled', changed_at = at, cancelled_by = account
    where v.id = any (validation_ids) and v.state <> 'cancelled';
    get diagnostics cancelled = row_count;
    perform private.credit_quorums(array[class_id],
        array(select distinct v.challenge_id from mpp.validation v where v.id = any (validation_ids)));
    if by_ops and cancelled > 0 then
        perform private.record_act('class.cancel', class_id::text, jsonb_build_object('validations', validation_ids));
    end if;
    return query
    select v.player_id, v.id, v.state, v.points::integer
    from mpp.validation v
    where v.id = any (validation_ids)
    order by v.player_id, v.id;
end
$$;
grant execute on function private.cancel_for_pupils to authenticated, service_role;

create function api.cancel_for_pupils(class_id uuid, validation_ids uuid[]) returns setof api.pupil_validation
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.cancel_for_pupils(class_id, validation_ids); end;
comment on function api.cancel_for_pupils is 'Takes back validations of a class while the edition runs, all or none; those already cancelled stay so. Its teachers, and staff until the freeze. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP047, MP083.';
grant execute on function api.cancel_for_pupils to authenticated, service_role;

create type api.sheet_outcome as (recorded integer, already integer);
comment on type api.sheet_outcome is 'How many validations a tracking sheet added, and how many of it were there before.';

-- Row i of the columns says: this pupil did this challenge so many times, on that day or without a date. What is
-- recorded already counts, so that importing the same sheet again, or one that grew, adds only what is missing.
create function private.import_class_sheet(
    class_id uuid, pupil_ids uuid[], challenge_ids integer[], times integer[], done_on date[], dry_run boolean
) returns api.sheet_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.lock_class(class_id);
    class mpp.league;
    e mpp.edition;
    at timestamptz := private.clock();
    phase api.edition_phase;
    last_instant timestamptz;
    asked integer;
    faults_found jsonb;
    due_pupils uuid[];
    due_challenges integer[];
    due_at timestamptz[];
    outcome api.sheet_outcome;
begin
    select * into class from mpp.league l where l.id = class_id;
    select * into e from mpp.edition x where x.id = class.edition_id;
    phase := private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at);
    -- The staff may still enter what a teacher sends after the end, until the ranking is frozen.
    if phase <> 'running' and not (by_ops and phase = 'closed') then
        perform private.refuse_not_running(e);
    end if;
    asked := coalesce(cardinality(pupil_ids), 0);
    if asked not between 1 and 20000 or asked <> coalesce(cardinality(challenge_ids), 0) or asked <> coalesce(cardinality(times), 0)
        or asked <> coalesce(cardinality(done_on), 0) then
        perform private.refuse('MP010', 'pupil_ids', 'the four columns differ in length, or are empty', 'Send columns of 1 to 20,000 rows.');
    end if;
    if (select sum(t.number) from unnest(times) t (number) where t.number > 0) > 20000 then
        perform private.refuse('MP010', 'times', 'they come to more than 20,000', 'Send a sheet of one class.');
    end if;
    last_instant := least(at, e.ends_at - interval '1 microsecond');

    begin
        with marked as (
            select r.number, r.pupil_id, r.challenge_id, r.times, r.done_on, p.id as player_id, c.open_during, c.repeat_limit, c.id is not null and private.is_in_play(class, c) as in_play, k.code,
                -- Some moment inside that day, the edition and the window of the challenge: noon where possible.
                case
                    when r.done_on is null then last_instant
                    when r.done_on between (e.starts_at at time zone e.time_zone)::date and (e.ends_at at time zone e.time_zone)::date then least(
                        greatest((r.done_on + time '12:00') at time zone e.time_zone, e.starts_at, lower(c.open_during)),
                        last_instant,
                        upper(c.open_during) - interval '1 microsecond')
                end as done_at,
                (
                    select count(*) from mpp.validation v
                    where v.player_id = r.pupil_id and v.challenge_id = r.challenge_id and v.state <> 'cancelled'
                ) as done
            from unnest(pupil_ids, challenge_ids, times, done_on) with ordinality
                r (pupil_id, challenge_id, times, done_on, number)
            left join mpp.player p on p.id = r.pupil_id and p.league_id = class.id
            left join mpp.edition_challenge c on c.id = r.challenge_id and c.edition_id = e.id
                and private.is_announced(c.kind, c.opens_at, at)
            left join mpp.challenge k on k.id = c.challenge_id
        ), judged as (
            select m.*,
                case
                    when m.player_id is null then '["pupil_unknown"]'::jsonb
                    when m.code is null then '["challenge_unknown"]'::jsonb
                    when not m.in_play then jsonb_build_array('not_in_play', m.code)
                    when m.times is null or m.times not between 1 and 99 then jsonb_build_array('times_impossible', coalesce(m.times::text, 'no'))
                    when count(*) over (partition by m.pupil_id, m.challenge_id) > 1 then jsonb_build_array('mark_twice', m.code)
                    when m.done >= m.times then null
                    when m.times > m.repeat_limit then jsonb_build_array('over_limit', m.code, m.repeat_limit)
                    -- East of the edition the day may have begun already: it counts, but on the day that it is here.
                    when m.done_on > (at at time zone e.time_zone)::date
                        then jsonb_build_array('still_to_come', m.done_on, (at at time zone e.time_zone)::date, e.time_zone)
                    when m.done_on is not null
                        and (m.done_at is null or m.done_on <> (m.done_at at time zone e.time_zone)::date or m.done_at < e.starts_at)
                        then jsonb_build_array('outside_day', m.done_on, m.code)
                    when not m.done_at <@ m.open_during
                        then jsonb_build_array('needs_day', m.code)
                end as fault
            from marked m
        ), faults as (
            select jsonb_agg(jsonb_build_object('row', j.number, 'fault', j.fault -> 0, 'arguments', j.fault - 0) order by j.number) as found
            from judged j
            where j.fault is not null
        ), due as (
            select j.player_id, j.challenge_id, j.done_at
            from judged j
            cross join generate_series(j.done + 1, j.times)
            where (select f.found from faults f) is null
        )
        select f.found, (select coalesce(sum(least(j.done, j.times)), 0) from judged j), d.pupils, d.challenges, d.instants
        into faults_found, outcome.already, due_pupils, due_challenges, due_at
        from faults f
        cross join (
            select coalesce(array_agg(x.player_id), '{}') as pupils, coalesce(array_agg(x.challenge_id), '{}') as challenges,
                coalesce(array_agg(x.done_at), '{}') as instants
            from due x
        ) d;
        perform private.refuse_import(faults_found);
        outcome.recorded := private.record_validations(
            array(select private.uuid_v7() from unnest(due_pupils)), due_pupils, due_challenges, due_at,
            -- A teacher who fills in the sheet has seen the challenges done.
            array_fill(true, array[cardinality(due_pupils)]), account);
        perform private.record_for_class('class.import_sheet', class.id, jsonb_build_object('recorded', outcome.recorded));
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception when sqlstate 'MPDRY' then
        null;
    end;
    return outcome;
end
$$;
grant execute on function private.import_class_sheet to authenticated, service_role;

create function api.import_class_sheet(
    class_id uuid, pupil_ids uuid[], challenge_ids integer[], times integer[], done_on date[], dry_run boolean default false
) returns api.sheet_outcome
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.import_class_sheet(class_id, pupil_ids, challenge_ids, times, done_on, dry_run); end;
comment on function api.import_class_sheet is 'Records a tracking sheet, all or none: row i says how many times a pupil did a challenge, and on which day (or null). What is recorded already counts, so importing the same sheet again adds nothing. Its teachers while the edition runs, and staff until the freeze. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP070.';
grant execute on function api.import_class_sheet to authenticated, service_role;
