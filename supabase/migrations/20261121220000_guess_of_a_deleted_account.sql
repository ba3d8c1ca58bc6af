-- A guess in the moment in which its account is deleted is refused like any other, and not by a constraint.
create or replace function private.unlock_challenge(edition_id integer, word text) returns api.unlock_result
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_write();
    me mpp.player;
    e mpp.edition;
    found_id integer;
    wrong integer;
    oldest timestamptz;
    at timestamptz;
begin
    perform private.lock_edition(unlock_challenge.edition_id);
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.guess'), hashtext(account::text));
    at := private.clock();
    select * into me from mpp.player p where p.account_id = account and p.edition_id = unlock_challenge.edition_id;
    if me.league_id is null then
        perform private.refuse('MP035');
    end if;
    select * into e from mpp.edition x where x.id = me.edition_id;
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'running' then
        perform private.refuse('MP022', e.code, private.spoken(e.starts_at), private.spoken(e.ends_at));
    end if;
    delete from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest
    from mpp.unlock_guess g
    where g.account_id = account and g.edition_id = e.id;
    if wrong >= e.unlock_guesses_per_hour then
        perform private.refuse('MP046', private.spoken(oldest + interval '1 hour'));
    end if;
    select c.id into found_id
    from mpp.edition_challenge c
    where c.edition_id = e.id and c.secret_digest = private.secret_digest(e.code, left(coalesce(word, ''), 200));
    if found_id is null then
        begin
            insert into mpp.unlock_guess (account_id, edition_id, guessed_at) values (account, e.id, at);
        exception when foreign_key_violation then
            -- The account was deleted a moment ago; the error of the constraint would show its row.
            perform private.refuse('MP003');
        end;
        return (null, false, e.unlock_guesses_per_hour - wrong - 1)::api.unlock_result;
    end if;
    insert into mpp.unlock (player_id, challenge_id) values (me.id, found_id) on conflict do nothing;
    return (found_id, true, e.unlock_guesses_per_hour - wrong)::api.unlock_result;
end
$$;
