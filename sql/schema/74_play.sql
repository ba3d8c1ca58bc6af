-- Playing: the ways into the ledger, of one validation and of sets, and who takes them: validate, cancel, unlock, import.

create type api.validation_receipt as (
    validation_id uuid,
    state api.validation_state,
    points integer,
    player_points integer,
    team_points integer,
    league_points integer
);
comment on type api.validation_receipt is 'What a validation or a cancellation left behind: its state, its points, and the three scores.';

create function private.receipt(v mpp.validation) returns api.validation_receipt
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select v.id, v.state, v.points::integer,
        max(s.points) filter (where s.scope = 'player'),
        max(s.points) filter (where s.scope = 'team'),
        max(s.points) filter (where s.scope = 'league')
    from mpp.score s
    where s.subject_id in (v.player_id, v.team_id, v.league_id)
$$;

-- Credits the collective challenges of teams that have their quorum, and takes the credit back from those that lost it.
-- The locks of the leagues are held: nobody else counts the same teams. One statement, so that scores move once.
create function private.credit_quorums(leagues uuid[], challenge_ids integer[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.validation v
    set state = q.state, changed_at = case when q.state = 'credited' then q.last_done else private.clock() end
    from (
        select x.league_id, x.team_id, x.challenge_id, max(x.validated_at) as last_done,
            (case when count(distinct x.player_id) >= c.quorum then 'credited' else 'pending' end)::api.validation_state as state
        from mpp.validation x
        join mpp.edition_challenge c on c.id = x.challenge_id and c.kind = 'collective'
        where x.league_id = any (leagues) and x.challenge_id = any (challenge_ids) and x.state <> 'cancelled'
        group by x.league_id, x.team_id, x.challenge_id, c.quorum
    ) q
    where v.league_id = q.league_id
        and v.team_id = q.team_id
        -- An expression, so that the rows of the league are read, and not also those of the challenge in all leagues.
        and v.challenge_id + 0 = q.challenge_id
        and v.state not in (q.state, 'cancelled');
end
$$;

-- The way of sets into the ledger. Columns of equal length say who did what, and when; the points are those of that moment, and
-- collective challenges count once their quorum is there. The caller holds the lock of the edition and of every league,
-- and has judged the rows; validated_by is whoever did it for a pupil. A row whose key is known is left as it is; returns how many were written.
create function private.record_validations(
    request_keys uuid[], player_ids uuid[], challenge_ids integer[], done_at timestamptz[], proof_sent boolean[], validated_by uuid default null
) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    written integer;
    waiting uuid[];
    collective integer[];
begin
    with recorded as (
        insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent,
            validated_by, validated_at, changed_at)
        select r.id, c.edition_id, c.id, p.id, p.team_id, p.league_id,
            private.points_of(c, r.done_at),
            case when c.kind = 'collective' then 'pending' else 'credited' end::api.validation_state,
            r.proof_sent, record_validations.validated_by, r.done_at, r.done_at
        from unnest(request_keys, player_ids, challenge_ids, done_at, proof_sent) with ordinality
            r (id, player_id, challenge_id, done_at, proof_sent, number)
        join mpp.player p on p.id = r.player_id
        join mpp.edition_challenge c on c.id = r.challenge_id
        order by r.done_at, r.number
        on conflict do nothing
        returning league_id, challenge_id, state
    )
    select count(*), array_agg(distinct r.league_id) filter (where r.state = 'pending'),
        array_agg(distinct r.challenge_id) filter (where r.state = 'pending')
    into written, waiting, collective
    from recorded r;
    if waiting is not null then
        perform private.credit_quorums(waiting, collective);
    end if;
    return written;
end
$$;

-- One validation and all that it moves, without the triggers, which serve whole sets: the ledger, the three scores, and one row
-- for the counts. The caller holds the locks and has judged it, and it waits for no quorum. Null when the key is known.
create function private.record_validation(
    request_key uuid, edition integer, challenge integer, player uuid, team uuid, league uuid, worth integer, proof boolean, done_at timestamptz
) returns api.validation_receipt
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    credit bigint;
    d mpp.score_delta;
    s record;
    was integer;
    points_of_player integer;
    points_of_team integer;
    points_of_league integer;
begin
    perform set_config('game.recording', 'on', true);
    insert into mpp.validation (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent, validated_at, changed_at)
    values (request_key, edition, challenge, player, team, league, worth, 'credited', proof, done_at, done_at)
    on conflict do nothing
    returning credit_number into credit;
    if credit is not null then
        for s in
            update mpp.score x
            set points = x.points + worth, tie_order = greatest(x.tie_order, credit),
                value = case when x.by_average
                    then private.value_of(x.points + worth, x.players, x.at_least_players, true) else x.value + worth end
            where x.subject_id in (player, team, league)
            returning x.scope, x.points, x.value, x.listed, x.by_average, x.players, x.at_least_players, x.level
        loop
            was := case when s.by_average
                then private.value_of(s.points - worth, s.players, s.at_least_players, true) else s.value - worth end;
            if s.scope = 'player' then
                points_of_player := s.points;
                if s.listed then
                    d.player_from := was;
                    d.player_to := s.value;
                end if;
            elsif s.scope = 'team' then
                points_of_team := s.points;
                if s.listed then
                    d.team_from := was;
                    d.team_to := s.value;
                end if;
            else
                points_of_league := s.points;
                if s.listed then
                    d.league_from := was;
                    d.league_to := s.value;
                    d.level := s.level;
                end if;
            end if;
        end loop;
        insert into mpp.score_delta (edition_id, level, player_from, player_to, team_from, team_to, league_from, league_to)
        values (edition, d.level, d.player_from, d.player_to, d.team_from, d.team_to, d.league_from, d.league_to);
    end if;
    perform set_config('game.recording', '', true);
    if credit is null then
        return null;
    end if;
    if random() < 0.02 then
        perform private.fold_scores(edition);
    end if;
    return (request_key, 'credited'::api.validation_state, worth, points_of_player, points_of_team, points_of_league)::api.validation_receipt;
end
$$;

-- The locks of a command that plays, and the instant at which it had them.
create function private.lock_to_play(edition integer, league uuid) returns timestamptz
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        -- Those of lock_edition and lock_leagues in one query.
        perform pg_advisory_xact_lock_shared(hashtext('mpp.edition'), edition), pg_advisory_xact_lock(hashtext('mpp.league'), uuid_hash(league) & 1023);
    else
        perform private.lock_edition(edition);
        perform private.lock_leagues(array[league]);
    end if;
    return private.clock();
end
$$;

create function private.validate_challenge(player_id uuid, challenge_id integer, request_key uuid, proof_sent boolean)
    returns api.validation_receipt
    language plpgsql security definer set search_path = pg_catalog, pg_temp
    -- For the functions that it calls too. Planning their short statements anew would cost more than running them, and a plan made
    -- while the ledger was empty would go on reading all of it.
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    account uuid;
    edition integer;
    league uuid;
    r record;
    v mpp.validation;
    closed mpp.edition;
    left_behind api.validation_receipt;
    at timestamptz;
begin
    -- Whose player it is says the token; whether the account may play is asked once, under the locks.
    select p.edition_id, p.league_id into edition, league
    from mpp.player p
    where p.id = validate_challenge.player_id and p.account_id = private.claimed_account();
    if found then
        at := private.lock_to_play(edition, league);
    end if;
    account := private.require_account();
    if request_key is null then
        perform private.refuse('MP010', 'request_key', 'it is empty', 'Make a UUID for each validation.');
    end if;
    if edition is null then
        perform private.refuse('MP005');
    end if;
    -- Everything is read after the locks: the league may have been left, the edition closed, while this waited.
    select p.league_id, p.team_id, e.opened_at, e.starts_at, e.ends_at, e.frozen_at, c.id as challenge_id, c.kind, c.repeat_limit, c.needs_proof,
        c.opens_at, at <@ c.open_during as is_open,
        private.points_of(c, at) as worth,
        exists (select from mpp.validation x where x.id = request_key) as is_known,
        case when c.repeat_limit is not null
            then (select count(*) from mpp.validation x where x.player_id = p.id and x.challenge_id = c.id and x.state <> 'cancelled')
            -- Without a limit there are fifty a day all the same, with those taken back: the ledger keeps them.
            else (select count(*) from mpp.validation x where x.player_id = p.id and x.challenge_id = c.id and x.validated_at > at - interval '24 hours')
        end as done
    into r
    from mpp.player p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.edition_challenge c on c.id = validate_challenge.challenge_id and c.edition_id = p.edition_id
    where p.id = validate_challenge.player_id and p.account_id = account;

    -- First of all, also for a player who has left meanwhile: what was recorded has its receipt.
    if r.is_known then
        select * into v from mpp.validation x where x.id = request_key;
        if v.player_id is distinct from validate_challenge.player_id or v.challenge_id <> validate_challenge.challenge_id then
            perform private.refuse('MP044');
        end if;
        left_behind := private.receipt(v);
        if v.league_id is distinct from r.league_id then
            -- The points of a league and a team that they are in no longer are not told.
            left_behind.team_points := null;
            left_behind.league_points := null;
        end if;
        return left_behind;
    end if;
    if r.league_id is null or r.league_id is distinct from league then
        perform private.refuse('MP035');
    end if;
    if private.edition_phase(r.opened_at, r.starts_at, r.ends_at, r.frozen_at, at) <> 'running' then
        select * into closed from mpp.edition x where x.id = edition;
        perform private.refuse_not_running(closed);
    end if;
    if r.challenge_id is null or not private.is_announced(r.kind, r.opens_at, at) then
        perform private.refuse('MP040');
    elsif r.kind = 'hidden' then
        if not exists (select from mpp.unlock u where u.player_id = validate_challenge.player_id and u.challenge_id = r.challenge_id) then
            perform private.refuse('MP040');
        end if;
    end if;
    if not r.is_open then
        perform private.require_open_challenge(c, at) from mpp.edition_challenge c where c.id = r.challenge_id;
    end if;
    if r.done >= r.repeat_limit then
        perform private.refuse('MP042', r.repeat_limit::text);
    elsif r.repeat_limit is null and r.done >= 50 then
        perform private.refuse('MP047', '50');
    end if;
    if r.needs_proof and not coalesce(proof_sent, false) then
        perform private.refuse('MP043');
    end if;

    if r.kind = 'collective' then
        if private.record_validations(array[request_key], array[validate_challenge.player_id], array[r.challenge_id], array[at],
            array[coalesce(proof_sent, false)]) = 1 then
            select * into v from mpp.validation x where x.id = request_key;
            left_behind := private.receipt(v);
        end if;
    else
        left_behind := private.record_validation(request_key, edition, r.challenge_id, validate_challenge.player_id, r.team_id, r.league_id,
            r.worth, coalesce(proof_sent, false), at);
    end if;
    if left_behind is null then
        -- Another league used the key in the same instant.
        perform private.refuse('MP044');
    end if;
    return left_behind;
end
$$;
grant execute on function private.validate_challenge to authenticated;

create function api.validate_challenge(player_id uuid, challenge_id integer, request_key uuid, proof_sent boolean default false)
    returns api.validation_receipt
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.validate_challenge(player_id, challenge_id, request_key, proof_sent); end;
comment on function api.validate_challenge is 'Validates a challenge for the caller''s player. The same request_key gives the same validation, once; after leaving the league too, then without the points of team and league. One without a limit is done fifty times in 24 hours at most. Errors: MP001–MP003, MP005, MP010, MP011, MP022, MP035, MP040–MP044, MP047.';
grant execute on function api.validate_challenge to authenticated;

create function private.cancel_validation(validation_id uuid, reason text) returns api.validation_receipt
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := case when private.is_ops() then private.lock_caller() else private.require_account() end;
    e mpp.edition;
    v mpp.validation;
    mine boolean;
    running boolean;
    at timestamptz;
begin
    select * into v from mpp.validation x where x.id = validation_id;
    if v.id is null then
        perform private.refuse('MP005');
    end if;
    perform private.lock_edition(v.edition_id);
    perform private.lock_league(v.league_id);
    at := private.clock();
    select * into v from mpp.validation x where x.id = validation_id;
    mine := exists (select from mpp.player p where p.id = v.player_id and p.account_id = account);
    if not mine and not by_ops then
        perform private.refuse('MP005');
    end if;
    select * into e from mpp.edition x where x.id = v.edition_id;
    if e.frozen_at is not null then
        perform private.refuse('MP024', e.code);
    end if;
    -- Players take back while the game runs, in the league they are in; the staff may until the ranking is frozen, and
    -- say why, also when they play themselves.
    running := private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) = 'running';
    by_ops := by_ops and not (mine and running);
    if not by_ops and not running then
        perform private.refuse_not_running(e);
    end if;
    if not by_ops and not exists (select from mpp.player p where p.id = v.player_id and p.league_id = v.league_id) then
        perform private.refuse('MP035');
    end if;
    if v.state = 'cancelled' then
        perform private.refuse('MP045');
    end if;
    -- The ledger keeps what was taken back: to and fro without end would fill it.
    if not by_ops and (
        select count(*)
        from mpp.validation x
        where x.player_id = v.player_id and x.cancelled_by = account and x.changed_at > at - interval '24 hours'
    ) >= 20 then
        perform private.refuse('MP047', '20');
    end if;
    update mpp.validation x
    set state = 'cancelled', changed_at = at, cancelled_by = account
    where x.id = v.id
    returning * into v;
    perform private.credit_quorums(array[v.league_id], array[v.challenge_id]);
    if by_ops then
        perform private.record_act('validation.cancel', v.id::text, jsonb_build_object(
            'reason', private.clean_line('reason', reason, 500), 'player_id', v.player_id, 'points', v.points));
    end if;
    return private.receipt(v);
end
$$;
grant execute on function private.cancel_validation to authenticated, service_role;

create function api.cancel_validation(validation_id uuid, reason text default null) returns api.validation_receipt
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.cancel_validation(validation_id, reason); end;
comment on function api.cancel_validation is 'Takes back one''s own validation while the edition runs, twenty a day; the staff may take back any until the freeze, with a reason. Errors: MP001–MP003, MP005, MP010, MP011, MP022, MP024, MP035, MP045, MP047.';
grant execute on function api.cancel_validation to authenticated, service_role;

create type api.unlock_result as (challenge_id integer, unlocked boolean, guesses_left integer);
comment on type api.unlock_result is 'Outcome of a guess: the challenge found, or how many wrong guesses are left in this hour.';

-- A wrong guess must be remembered, so it is an answer and not an error: an error would take its own record back.
create function private.unlock_challenge(edition_id integer, word text) returns api.unlock_result
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    me mpp.player;
    e mpp.edition;
    found_id integer;
    wrong integer;
    oldest timestamptz;
    at timestamptz;
begin
    perform private.lock_account(account);
    perform private.lock_edition(unlock_challenge.edition_id);
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.guess'), hashtext(account::text));
    at := private.clock();
    select * into me from mpp.player p where p.account_id = account and p.edition_id = unlock_challenge.edition_id;
    if me.league_id is null then
        perform private.refuse('MP035');
    end if;
    select * into e from mpp.edition x where x.id = me.edition_id;
    perform private.require_running(e, at);
    delete from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest
    from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id;
    if wrong >= e.unlock_guesses_per_hour then
        perform private.refuse('MP046', jsonb_build_object('until', oldest + interval '1 hour'),
            private.format_instant(oldest + interval '1 hour'));
    end if;
    select c.id into found_id
    from mpp.edition_challenge c
    where c.edition_id = e.id and c.secret_digest = private.secret_digest(e.code, left(coalesce(word, ''), 200));
    if found_id is null then
        insert into mpp.unlock_guess (account_id, edition_id, guessed_at) values (account, e.id, at);
        return (null, false, e.unlock_guesses_per_hour - wrong - 1)::api.unlock_result;
    end if;
    insert into mpp.unlock (player_id, challenge_id) values (me.id, found_id) on conflict do nothing;
    return (found_id, true, e.unlock_guesses_per_hour - wrong)::api.unlock_result;
end
$$;
grant execute on function private.unlock_challenge to authenticated;

create function api.unlock_challenge(edition_id integer, word text) returns api.unlock_result
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.unlock_challenge(edition_id, word); end;
comment on function api.unlock_challenge is 'Tries a secret word; case, accents and spaces do not matter. Wrong guesses are limited per account and hour. Errors: MP001–MP003, MP011, MP022, MP035, MP046.';
grant execute on function api.unlock_challenge to authenticated;

-- Many validations at once, by the rules of the game, at the instants they were done: columns of equal length.
create function private.import_validations(
    edition_code text, player_ids uuid[], challenge_ids integer[], done_at timestamptz[], request_keys uuid[]
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    leagues uuid[];
    written integer;
    faults jsonb;
    at timestamptz;
begin
    perform private.require_ops();
    if not (cardinality(player_ids) = cardinality(challenge_ids)
        and cardinality(player_ids) = cardinality(done_at)
        and cardinality(player_ids) = cardinality(request_keys)) then
        perform private.refuse('MP010', 'request_keys', 'the four columns differ in length', 'Send columns of equal length.');
    end if;
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id);
    leagues := array(select distinct p.league_id from mpp.player p where p.id = any (player_ids) and p.league_id is not null);
    perform private.lock_leagues(leagues);
    at := private.clock();
    e := private.find_edition(edition_code);
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) not in ('running', 'closed') then
        perform private.refuse_not_running(e);
    end if;

    with judged as (
        select
            r.number,
            r.id,
            case
                when r.id is null then '["no_request_key"]'::jsonb
                when locked.id is null then '["not_in_edition"]'::jsonb
                when c.id is null then '["challenge_unknown"]'::jsonb
                when r.done_at is null or r.done_at < e.starts_at or r.done_at >= e.ends_at or r.done_at > at
                    then '["edition_not_running"]'::jsonb
                when not r.done_at <@ c.open_during
                    then '["outside_window"]'::jsonb
                when count(*) over (partition by r.id) > 1 then '["request_key_twice"]'::jsonb
            end as fault
        from unnest(request_keys, player_ids, challenge_ids, done_at) with ordinality
            r (id, player_id, challenge_id, done_at, number)
        left join mpp.player p on p.id = r.player_id and p.edition_id = e.id
        left join unnest(leagues) locked (id) on locked.id = p.league_id
        left join mpp.edition_challenge c on c.id = r.challenge_id and c.edition_id = e.id
    )
    select jsonb_agg(jsonb_build_object('row', j.number, 'fault', j.fault -> 0, 'arguments', j.fault - 0) order by j.number)
    into faults
    from judged j
    where j.fault is not null
        -- What an earlier import wrote is not judged again; a count, so that only faulty rows are looked up.
        and (select count(*) from mpp.validation v where v.id = j.id) = 0;
    perform private.refuse_import(faults);

    written := private.record_validations(request_keys, player_ids, challenge_ids, done_at,
        array(
            select c.needs_proof
            from unnest(challenge_ids) with ordinality r (id, number)
            left join mpp.edition_challenge c on c.id = r.id
            order by r.number
        ));

    select jsonb_agg(jsonb_build_object('row', null, 'fault', 'too_often',
        'arguments', jsonb_build_array(f.player_id, f.code, f.done, f.repeat_limit)) order by f.player_id, f.code)
    into faults
    from (
        select r.player_id, k.code, c.repeat_limit, count(*) as done
        from (select distinct u.player_id, u.challenge_id from unnest(player_ids, challenge_ids) u (player_id, challenge_id)) r
        join mpp.edition_challenge c on c.id = r.challenge_id and c.repeat_limit is not null
        join mpp.challenge k on k.id = c.challenge_id
        join mpp.validation v on v.player_id = r.player_id and v.challenge_id = r.challenge_id and v.state <> 'cancelled'
        group by r.player_id, k.code, c.repeat_limit
        having count(*) > c.repeat_limit
    ) f;
    perform private.refuse_import(faults);
    return written;
end
$$;
grant execute on function private.import_validations to service_role;

create function api.import_validations(
    edition_code text, player_ids uuid[], challenge_ids integer[], done_at timestamptz[], request_keys uuid[]
) returns integer
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.import_validations(edition_code, player_ids, challenge_ids, done_at, request_keys); end;
comment on function api.import_validations is 'Records many validations by the rules of the game, all or none; rows whose key is known are left alone. Returns how many were written. Secret key only. Errors: MP006, MP010, MP020, MP022, MP070.';
grant execute on function api.import_validations to service_role;
