-- The people of the demonstration: made-up accounts, leagues and players, as columns from mpp_supabase/demo/people.py.
-- Only for a local stack. %(…)s are parameters; each statement may run again without harm.

-- name: accounts
insert into auth.users (
    instance_id, id, aud, role, email, email_confirmed_at, created_at, updated_at, raw_app_meta_data, raw_user_meta_data,
    confirmation_token, recovery_token, email_change_token_new, email_change
)
select
    '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', a.email, now(), now(), now(),
    '{"provider": "email", "providers": ["email"]}', '{}', '', '', '', ''
from unnest(%(emails)s::text[]) a (email)
where not exists (select from auth.users u where u.email = a.email);

-- name: profiles
insert into mpp.profile (id, first_name, last_name, alias, country, postcode, birth_date)
select u.id, p.first_name, 'Démo', p.alias, 'FR', p.postcode, p.birth_date
from unnest(%(emails)s::text[], %(first_names)s::text[], %(aliases)s::text[], %(postcodes)s::text[], %(birth_dates)s::date[])
    p (email, first_name, alias, postcode, birth_date)
join auth.users u on u.email = p.email
on conflict do nothing;

-- name: leagues
insert into mpp.league (edition_id, name, category, listed)
select %(edition_id)s, l.name, l.category::api.league_category, l.listed
from unnest(%(names)s::text[], %(categories)s::text[], %(listed)s::boolean[]) l (name, category, listed);

-- name: teams
insert into mpp.team (league_id, edition_id, name)
select l.id, l.edition_id, t.name
from mpp.league l
cross join (values ('Les Bourgeons'), ('Les Racines')) t (name)
where l.edition_id = %(edition_id)s;

-- name: codes
insert into mpp.join_code (league_id, code)
select l.id, private.new_join_code() from mpp.league l where l.edition_id = %(edition_id)s;

-- name: players
insert into mpp.player (edition_id, account_id, league_id, team_id, alias, first_name, listed)
select %(edition_id)s, f.id, l.id, t.id, f.alias, f.first_name, p.listed
from unnest(%(emails)s::text[], %(league_names)s::text[], %(teams)s::integer[], %(listed)s::boolean[])
    p (email, league_name, team, listed)
join auth.users u on u.email = p.email
join mpp.profile f on f.id = u.id
join mpp.league l on l.edition_id = %(edition_id)s and l.name = p.league_name
join (
    select x.id, x.league_id, row_number() over (partition by x.league_id order by x.name) as number from mpp.team x
    where x.edition_id = %(edition_id)s
) t on t.league_id = l.id and t.number = p.team;

-- name: ambassadors
insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
select distinct on (p.league_id) p.league_id, p.account_id, p.id, true
from mpp.player p
where p.edition_id = %(edition_id)s
order by p.league_id, p.id;

-- name: statistics
analyze mpp.profile, mpp.league, mpp.team, mpp.player, mpp.score, mpp.edition_challenge;

-- name: roster
select p.id, p.league_id
from mpp.player p
where p.edition_id = %(edition_id)s
order by p.league_id, p.id;
