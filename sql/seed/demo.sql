-- The people of the demonstrations: made-up accounts, leagues and players, as columns from mpp_supabase/demo/people.py, and
-- teachers from mpp_supabase/demo/classes.py. Classes and pupils are not here: they are made through the functions of the API.
-- Only for a local stack. %(…)s are parameters. Rows come with their ids, so that nothing has to be looked up.

-- name: accounts
insert into auth.users (
    instance_id, id, aud, role, email, email_confirmed_at, created_at, updated_at, raw_app_meta_data, raw_user_meta_data,
    confirmation_token, recovery_token, email_change_token_new, email_change
)
select
    '00000000-0000-0000-0000-000000000000', a.id, 'authenticated', 'authenticated', a.email, now(), now(), now(),
    '{"provider": "email", "providers": ["email"]}', '{}', '', '', '', ''
from unnest(%(accounts)s::uuid[], %(emails)s::text[]) a (id, email)
on conflict (id) do nothing;

-- name: profiles
insert into mpp.profile (id, first_name, last_name, alias, country, postcode, birth_date)
select p.id, p.first_name, 'Démo', p.alias, 'FR', p.postcode, p.birth_date
from unnest(%(accounts)s::uuid[], %(first_names)s::text[], %(aliases)s::text[], %(postcodes)s::text[], %(birth_dates)s::date[])
    p (id, first_name, alias, postcode, birth_date)
on conflict (id) do nothing;

-- name: teacher_profiles
insert into mpp.profile (id, first_name, last_name)
select p.id, p.first_name, 'Démo'
from unnest(%(accounts)s::uuid[], %(first_names)s::text[]) p (id, first_name)
on conflict (id) do nothing;

-- name: teachers
insert into mpp.teacher (account_id, role)
select t.id, t.role
from unnest(%(accounts)s::uuid[], %(roles)s::text[]) t (id, role)
on conflict (account_id) do nothing;

-- name: leagues
insert into mpp.league (id, edition_id, name, category, listed)
select l.id, %(edition_id)s, l.name, l.category::api.league_category, l.listed
from unnest(%(leagues)s::uuid[], %(names)s::text[], %(categories)s::text[], %(listed)s::boolean[])
    l (id, name, category, listed);

-- name: codes
insert into mpp.join_code (league_id, code)
select l.id, private.new_join_code() from unnest(%(leagues)s::uuid[]) l (id);

-- name: teams
insert into mpp.team (id, league_id, edition_id, name)
select t.id, t.league_id, %(edition_id)s, t.name
from unnest(%(teams)s::uuid[], %(team_leagues)s::uuid[], %(team_names)s::text[]) t (id, league_id, name);

-- name: players
insert into mpp.player (id, edition_id, account_id, league_id, team_id, alias, first_name, listed)
select p.id, %(edition_id)s, p.account_id, p.league_id, p.team_id, p.alias, p.first_name, p.listed
from unnest(%(players)s::uuid[], %(accounts)s::uuid[], %(player_leagues)s::uuid[], %(player_teams)s::uuid[],
    %(aliases)s::text[], %(first_names)s::text[], %(listed)s::boolean[])
    p (id, account_id, league_id, team_id, alias, first_name, listed);

-- name: ambassadors
insert into mpp.ambassador (league_id, account_id, player_id, is_principal)
select a.league_id, a.account_id, a.player_id, true
from unnest(%(leagues)s::uuid[], %(accounts)s::uuid[], %(players)s::uuid[]) a (league_id, account_id, player_id);
