-- Who is in a league and who runs it: founding, joining, leaving, expelling, handing over. Teams are in 44_team, pupils
-- in 52_pupil.

-- Keeps a profile from being deleted until the end of this transaction. A deletion takes the profile first, then what
-- belongs to it. Call this before adding something to a profile.
create function private.lock_profile(account uuid, plays boolean default true) returns void
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
create function private.lock_profile_of_player(player uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
as $$
    select from mpp.profile f where f.id = (select p.account_id from mpp.player p where p.id = player) for key share
$$;

-- Locks the edition and requires that a league may still be joined in it now.
create function private.lock_joinable_edition(edition_id integer) returns mpp.edition
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    at timestamptz;
begin
    perform private.lock_edition(edition_id);
    perform private.require_still_live();
    at := private.clock();
    select * into e from mpp.edition where id = lock_joinable_edition.edition_id;
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
            e.code, private.format_instant(e.registration_closes_at));
    end if;
    return e;
end
$$;

-- Gives a league without an ambassador a new one: its first co-ambassador, else the player who has been in it longest.
-- An empty league gets the player who comes. Never somebody who came later than others: they would get to read other
-- people's phone numbers.
create function private.ensure_ambassador(league uuid, otherwise uuid default null) returns void
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
    -- An account that is being deleted holds its profile and waits for this league: skip it.
    select p.* into heir
    from mpp.player p
    join mpp.profile f on f.id = p.account_id
    where p.league_id = league and p.id is distinct from otherwise and private.is_live(p.account_id)
    order by p.in_league_since, p.id
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

-- What somebody last chose about the public ranking, in whatever edition; true for whoever never chose.
create function private.chose_listing(account uuid) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select p.listing_choice
        from mpp.player p
        where p.account_id = account and p.listing_choice is not null
        order by p.listing_chosen_at desc, p.id
        limit 1
    ), true);
end
$$;

-- Puts an account into a team of a league whose lock is held: the smallest team, the oldest of equals.
create function private.add_player(account uuid, league mpp.league, e mpp.edition, phone text) returns uuid
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
    -- Whoever left after playing here counts on, or a league could gather the points of more people than it may have.
    if (select s.players from mpp.score s where s.subject_id = league.id)
        - (select count(*) from (select from mpp.validation v where v.league_id = league.id and v.player_id = me.id limit 1) mine)
        >= e.league_max_players then
        perform private.refuse('MP032', e.league_max_players::text);
    end if;
    if league.is_open and private.is_under(account, 15) then
        perform private.refuse('MP052', '15');
    end if;
    if typed_phone is not null and private.asks_phone(league.id) and private.is_under(account, 15) then
        perform private.refuse('MP057', '15');
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
        select e.id, account, league.id, team, f.alias, f.first_name, f.picture_path,
            private.may_be_listed(account) and private.chose_listing(account)
        from mpp.profile f
        where f.id = account
        returning * into me;
    else
        update mpp.player p set league_id = league.id, team_id = team, in_league_since = private.clock() where p.id = me.id;
    end if;
    -- Keep the number only where somebody may use it.
    if cleaned_phone is not null and (league.is_open or private.asks_phone(league.id)) then
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
    account uuid := private.require_account();
    e mpp.edition;
    league mpp.league;
    player uuid;
    french boolean := private.speaks_french();
begin
    -- Refuse this before saying anything else about a private edition.
    if exists (select from mpp.edition x where x.id = create_league.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.lock_profile(account);
    e := private.lock_joinable_edition(edition_id);
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
        player := private.add_player(account, league, e, phone);
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
comment on function api.create_league is 'Creates a league with its teams and join code; the caller plays in it and is its ambassador. Returns the league id. An open league requires a phone number, and an age of 15. Errors: MP001–MP003, MP005, MP010, MP011, MP020, MP021, MP023, MP024, MP028, MP030, MP033, MP038, MP039, MP052.';
grant execute on function api.create_league to authenticated;

create function private.join_league(join_code text, league_id uuid, phone text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
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
    perform private.lock_profile(account);
    e := private.lock_joinable_edition(league.edition_id);
    perform private.lock_league(league.id);
    -- The code may have been renewed while this waited.
    if join_code is not null and not exists (
        select from mpp.join_code c
        where c.league_id = league.id and c.code = typed
    ) then
        perform private.refuse('MP031');
    end if;
    begin
        player := private.add_player(account, league, e, phone);
    exception when unique_violation then
        -- The same account joined elsewhere at the same moment.
        perform private.refuse('MP030');
    end;
    perform private.ensure_ambassador(league.id, player);
    return player;
end
$$;
grant execute on function private.join_league to authenticated;

create function api.join_league(join_code text default null, league_id uuid default null, phone text default null) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.join_league(join_code, league_id, phone); end;
comment on function api.join_league is 'Joins a league by its code, or an open league by id with a phone number; nobody under 15 joins an open one. Whoever left after playing there counts towards its size. Returns the player id. Errors: MP001–MP003, MP010, MP011, MP021, MP023, MP024, MP030–MP034, MP052.';
grant execute on function api.join_league to authenticated;

-- Locks the league and requires that the caller runs it, or is of the staff.
create function private.lock_led_league(league uuid) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    edition integer;
    frozen timestamptz;
begin
    -- Their league's lock keeps those who run it from being deleted (lock_what_ends), but not the staff.
    if private.is_ops() then
        account := private.lock_caller();
    else
        account := private.require_account();
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

-- Takes a player out of the league, with what only the league needed. The code changes with a player who ran the league
-- or is expelled. A player who leaves of their own will could come back anyway, and the code of an empty league is the
-- only way to it.
create function private.remove_player(player uuid, expelled boolean) returns void
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
    perform private.ensure_ambassador(league);
    if expelled or (ran and exists (select from mpp.player p where p.league_id = league)) then
        perform private.renew_codes(array[league]);
    end if;
end
$$;

create function private.leave_league(league_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    me mpp.player;
begin
    select * into me from mpp.player p where p.account_id = account and p.league_id = leave_league.league_id;
    if not found then
        perform private.refuse('MP035');
    end if;
    perform private.lock_edition(me.edition_id);
    perform private.lock_league(leave_league.league_id);
    -- The player may have been expelled, or have left, while this waited.
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
    perform private.remove_player(me.id, expelled => false);
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
    staff uuid[] := private.lock_staff_to_tell();
    account uuid := private.lock_led_league(league);
    out mpp.player;
    report bigint;
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
    values ('expulsion', out.edition_id, league, out.id, out.account_id, account, why)
    returning id into report;
    perform private.tell_expulsion(report, staff);
    perform private.remove_player(out.id, expelled => true);
    perform private.record_act('league.expel', league::text, jsonb_build_object('player_id', out.id));
end
$$;
grant execute on function private.expel_player to authenticated, service_role;

create function api.expel_player(player_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.expel_player(player_id, reason); end;
comment on function api.expel_player is 'Expels a player from the league, with a reason that the association receives by mail. The player loses access at once and cannot come back. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP010, MP011, MP024, MP047.';
grant execute on function api.expel_player to authenticated, service_role;

create function private.hand_over_league(league_id uuid, player_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
    heir mpp.player;
begin
    perform private.lock_caller();
    perform private.lock_profile_of_player(player_id);
    account := private.lock_led_league(league_id);
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
comment on function api.hand_over_league is 'Makes another player of the league its ambassador; the former one becomes co-ambassador. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024, MP047.';
grant execute on function api.hand_over_league to authenticated, service_role;

create function private.set_co_ambassador(player_id uuid, granted boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := (select p.league_id from mpp.player p where p.id = set_co_ambassador.player_id);
    account uuid;
    helper mpp.player;
begin
    perform private.lock_caller();
    perform private.lock_profile_of_player(player_id);
    account := private.lock_led_league(league);
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
        -- Co-ambassadors have read the code.
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
comment on function api.set_co_ambassador is 'Makes a player of the league a co-ambassador, or ends that. The ambassador and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
grant execute on function api.set_co_ambassador to authenticated, service_role;

create function private.renew_join_code(league_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_led_league(renew_join_code.league_id);
    -- A class has no join code: families enter by another code.
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
comment on function api.renew_join_code is 'Replaces the join code of a league and returns the new one; the old one opens the league no more. Ambassadors and staff. Errors: MP001–MP003, MP005, MP007, MP011, MP024.';
grant execute on function api.renew_join_code to authenticated, service_role;
