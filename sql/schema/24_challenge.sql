-- The catalogue: cards, and the challenges of an edition with the rules they are played by. Validating one is in
-- 74_play.

create type api.challenge_kind as enum ('standard', 'collective', 'boost', 'hidden', 'flash', 'malus');

create table mpp.theme (
    code text primary key check (code ~ '^[a-z0-9-]{2,40}$'),
    name mpp.translated not null
);
comment on table mpp.theme is 'What a challenge is about: mobility, food, energy…';

create table mpp.curriculum_theme (
    code text primary key check (code ~ '^[a-z0-9-]{2,60}$'),
    name mpp.translated not null
);
comment on table mpp.curriculum_theme is 'What of the school curriculum a challenge works on.';

create table mpp.challenge (
    id integer generated always as identity primary key,
    code text not null check (code ~ '^[a-z0-9-]{3,60}$'),
    theme text not null references mpp.theme (code),
    title mpp.translated not null,
    description mpp.translated not null,
    goals smallint[] not null default '{}' check (goals <@ array[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]::smallint[]),
    curriculum text[] not null default '{}'
);
comment on table mpp.challenge is 'What one or more editions say of a challenge. Other texts under the same code are another row, so a correction in one edition changes no other.';
comment on column mpp.challenge.goals is 'United Nations sustainable development goals, 1 to 17.';
comment on column mpp.challenge.curriculum is 'Codes of mpp.curriculum_theme. apply_edition, the only writer, checks them.';
create index challenge_code on mpp.challenge (code);
create index challenge_theme on mpp.challenge (theme);

-- A random id. Numbers in a row would have gaps, and tell everybody how many challenges of an edition are hidden or still to come.
create function private.new_challenge_id() returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    drawn integer;
begin
    loop
        drawn := uuid_hash(gen_random_uuid()) & 2147483647;
        exit when not exists (select from mpp.edition_challenge c where c.id = drawn);
    end loop;
    return drawn;
end
$$;

create table mpp.edition_challenge (
    id integer primary key default private.new_challenge_id(),
    edition_id integer not null references mpp.edition (id),
    challenge_id integer not null references mpp.challenge (id),
    kind api.challenge_kind not null,
    points smallint not null,
    repeat_limit smallint check (repeat_limit >= 1),
    quorum smallint,
    boost_factor smallint,
    needs_proof boolean not null default false,
    opens_at timestamptz,
    closes_at timestamptz,
    open_during tstzrange not null generated always as (
        case
            when kind = 'boost' or opens_at is null then tstzrange(null, null)
            -- A window that ends before it begins is refused by its check, not here.
            when opens_at < closes_at then tstzrange(opens_at, closes_at)
            else 'empty'
        end
    ) stored,
    boosted_during tstzrange not null generated always as (
        case when kind = 'boost' and opens_at < closes_at then tstzrange(opens_at, closes_at) else 'empty'::tstzrange end
    ) stored,
    secret_digest bytea,
    levels mpp.school_level[] check (cardinality(levels) > 0),
    constraint edition_challenge_card_once unique (edition_id, challenge_id),
    constraint edition_challenge_secret_once unique (edition_id, secret_digest),
    constraint edition_challenge_points check (
        case when kind = 'malus' then points between -20 and -1 else points between 1 and 20 end
    ),
    constraint edition_challenge_quorum check ((kind = 'collective') = (quorum is not null) and quorum >= 2),
    constraint edition_challenge_boost check ((kind = 'boost') = (boost_factor is not null) and boost_factor between 2 and 5),
    constraint edition_challenge_secret check ((kind = 'hidden') = (secret_digest is not null)),
    constraint edition_challenge_window check (
        (opens_at is null) = (closes_at is null)
        and closes_at > opens_at
        and (kind not in ('flash', 'boost') or opens_at is not null)
    )
);
comment on table mpp.edition_challenge is 'A card in play in an edition: kind, points and limits, fixed when the edition starts.';
comment on column mpp.edition_challenge.repeat_limit is 'How often one player may validate it; null: without limit, fifty times in 24 hours at most.';
comment on column mpp.edition_challenge.opens_at is 'Window [opens_at, closes_at): the challenge is open only inside. A boost is always open and multiplies inside.';
comment on column mpp.edition_challenge.open_during is 'When it may be done; the kind and the window decide.';
comment on column mpp.edition_challenge.boosted_during is 'When its points are multiplied.';
comment on column mpp.edition_challenge.levels is 'Levels whose classes may play it; null in a public edition.';
create index edition_challenge_card on mpp.edition_challenge (challenge_id);

-- Secret words are compared without case, accents and spaces. They are kept as a digest, so that they do not stand in
-- clear. A digest of one word is no secret from somebody who reads the table: no role of the API can.
create function private.secret_digest(edition_code text, word text) returns bytea
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(
        edition_code || ':' || lower(regexp_replace(normalize(word, NFKD), '[\u0300-\u036f\s''’-]', '', 'g')), 'UTF8'))
$$;

-- A change of a challenge must never rewrite a score: once the edition has started its rules stand. The texts of its
-- card may be corrected.
create function private.edition_challenge_keep_rules() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
begin
    -- Generated columns have no value yet.
    if tg_op = 'UPDATE'
        and to_jsonb(old) - '{challenge_id,open_during,boosted_during}'::text[]
            = to_jsonb(new) - '{challenge_id,open_during,boosted_during}'::text[]
        and (select k.code from mpp.challenge k where k.id = old.challenge_id)
            = (select k.code from mpp.challenge k where k.id = new.challenge_id) then
        return new;
    end if;
    select * into e from mpp.edition where id = coalesce(old.edition_id, new.edition_id);
    if e.opened_at is not null and e.starts_at <= private.clock() then
        perform private.refuse('MP025', e.code, 'its challenges, their points and rules');
    end if;
    return coalesce(new, old);
end
$$;

create trigger edition_challenge_keep_rules
    before insert or update or delete on mpp.edition_challenge
    for each row execute function private.edition_challenge_keep_rules();

-- Nobody knows a flash challenge before it opens: whoever names it then is refused as if it did not exist.
create function private.is_announced(kind api.challenge_kind, opens_at timestamptz, at timestamptz) returns boolean
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return kind <> 'flash' or at >= opens_at;
end
$$;

-- What a challenge that is done at an instant earns.
create function private.points_of(c mpp.edition_challenge, at timestamptz) returns integer
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case when at <@ c.boosted_during then c.points * c.boost_factor else c.points end;
end
$$;

create function private.require_open_challenge(c mpp.edition_challenge, at timestamptz) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if not at <@ c.open_during then
        perform private.refuse('MP041', jsonb_build_object('opens_at', c.opens_at, 'closes_at', c.closes_at),
            private.format_instant(c.opens_at), private.format_instant(c.closes_at));
    end if;
end
$$;

-- What a player has unlocked, and how often an account has guessed.
create table mpp.unlock (
    player_id uuid not null,
    challenge_id integer not null references mpp.edition_challenge (id) on delete cascade,
    unlocked_at timestamptz not null default private.clock(),
    primary key (player_id, challenge_id)
);
comment on table mpp.unlock is 'Hidden challenges that a player has unlocked.';
create index unlock_challenge on mpp.unlock (challenge_id);

create table mpp.unlock_guess (
    account_id uuid not null references auth.users (id) on delete cascade,
    edition_id integer not null references mpp.edition (id),
    guessed_at timestamptz not null default private.clock()
);
comment on table mpp.unlock_guess is 'Wrong guesses of the last hour; older ones are deleted by the next guess.';
create index unlock_guess_account on mpp.unlock_guess (account_id, edition_id, guessed_at);
create index unlock_guess_edition on mpp.unlock_guess (edition_id);

create function private.my_unlocked_challenge_ids() returns setof integer
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select u.challenge_id
    from mpp.player p
    join mpp.unlock u on u.player_id = p.id
    where p.account_id = (select private.my_account());
end
$$;
grant execute on function private.my_unlocked_challenge_ids to authenticated;

-- Teachers choose what their class plays before the edition starts.
create function private.my_taught_edition_ids() returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select distinct l.edition_id
    from mpp.ambassador a
    join mpp.league l on l.id = a.league_id
    where a.account_id = (select private.my_account()) and l.school_id is not null;
end
$$;
grant execute on function private.my_taught_edition_ids to authenticated;

alter table mpp.theme enable row level security;
alter table mpp.curriculum_theme enable row level security;
alter table mpp.challenge enable row level security;
alter table mpp.edition_challenge enable row level security;
alter table mpp.unlock enable row level security;
alter table mpp.unlock_guess enable row level security;

-- Challenges in play: from the start of an edition that the caller may see, flash only inside the window, hidden once
-- unlocked.
create policy edition_challenge_select_anon on mpp.edition_challenge
    for select to anon
    using (
        edition_id in (select e.id from mpp.edition e where e.starts_at <= (select private.read_clock()))
        and kind <> 'hidden'
        and (kind <> 'flash' or open_during @> (select private.read_clock()))
    );

create policy edition_challenge_select_authenticated on mpp.edition_challenge
    for select to authenticated
    using (
        (
            (
                edition_id in (select e.id from mpp.edition e where e.opened_at is not null and e.starts_at <= (select private.read_clock()))
                or edition_id in (select private.my_taught_edition_ids())
            )
            and (kind <> 'hidden' or id in (select private.my_unlocked_challenge_ids()))
            and (kind <> 'flash' or open_during @> (select private.read_clock()))
        )
        or (select private.is_ops())
    );

-- The text of a card is as secret as the challenge that shows it.
create policy challenge_select_everyone on mpp.challenge
    for select to anon, authenticated
    using (id in (select c.challenge_id from mpp.edition_challenge c));

create policy theme_select_everyone on mpp.theme
    for select to anon, authenticated
    using (code in (select c.theme from mpp.challenge c));

create policy curriculum_theme_select_everyone on mpp.curriculum_theme
    for select to anon, authenticated
    using (code in (select unnest(c.curriculum) from mpp.challenge c));

grant select on mpp.theme, mpp.curriculum_theme, mpp.challenge to anon, authenticated, service_role;
grant select (id, edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor, needs_proof, opens_at, closes_at,
    open_during, boosted_during, levels)
    on mpp.edition_challenge to anon, authenticated, service_role;

create view api.challenges with (security_invoker = true) as
select
    c.id,
    c.edition_id,
    k.code,
    c.kind,
    k.theme,
    t.name as theme_name,
    k.title,
    k.description,
    c.points,
    case when c.boosted_during @> (select private.read_clock())
        then c.points * c.boost_factor else c.points end as points_now,
    c.boost_factor,
    c.opens_at,
    c.closes_at,
    c.repeat_limit,
    c.quorum,
    c.needs_proof,
    k.goals,
    c.levels::text[] as levels,
    k.curriculum
from mpp.edition_challenge c
join mpp.challenge k on k.id = c.challenge_id
join mpp.theme t on t.code = k.theme;
comment on view api.challenges is 'Challenges in play and visible to the caller now: flash inside their window, hidden once unlocked.';
grant select on api.challenges to anon, authenticated, service_role;

create view api.curriculum_themes with (security_invoker = true) as
select t.code, t.name from mpp.curriculum_theme t cross join (select) read_only;
comment on view api.curriculum_themes is 'Names of the curriculum themes that challenges refer to.';
grant select on api.curriculum_themes to anon, authenticated, service_role;
