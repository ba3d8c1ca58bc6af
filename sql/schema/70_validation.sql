-- The ledger: one row for each validated challenge, with the points as they were at that moment. Scores are sums of this
-- table (72_score). private.record_validation and, for sets, record_validations (74_play) add rows. None is ever deleted, and
-- only its state changes.

-- pending: a collective challenge below its quorum; credited: counts; cancelled: taken back, for good.
-- pending ⇄ credited as the quorum is reached or lost; both → cancelled.
create type api.validation_state as enum ('pending', 'credited', 'cancelled');

-- A number tells who was first, but no time: everybody reads the order among equals, and it must not tell when somebody
-- played.
create sequence mpp.credit_number;

create table mpp.validation (
    id uuid primary key,
    edition_id integer not null,
    challenge_id integer not null,
    player_id uuid not null,
    team_id uuid not null,
    league_id uuid not null,
    points smallint not null,
    state api.validation_state not null,
    proof_sent boolean not null default false,
    validated_by uuid,
    validated_at timestamptz not null default private.clock(),
    changed_at timestamptz not null default private.clock(),
    cancelled_by uuid,
    credit_number bigint not null default nextval('mpp.credit_number')
);
-- No foreign keys: each would be looked up for every validation, and would lock the row of the challenge, which all writers of an
-- edition share. The commands read player, team and challenge under the lock of the league; a load of any other
-- kind is compared by its trigger (72_score); and what the ledger refers to is never deleted (private.keep_ledger_whole).
comment on table mpp.validation is 'The ledger of validated challenges.';
comment on column mpp.validation.id is 'The request key that the client made: the same key twice gives one row.';
comment on column mpp.validation.team_id is 'Where the points were earned; a player who moves leaves them there.';
comment on column mpp.validation.validated_by is 'The account that validated for a pupil; null for a player, who validates alone, and once the account is erased.';
comment on column mpp.validation.cancelled_by is 'The account that took it back; null for the secret key, and once the account is erased.';
comment on column mpp.validation.credit_number is 'Larger than that of every validation credited before; a new one each time the quorum is reached.';
create index validation_player on mpp.validation (player_id, challenge_id);
create index validation_league on mpp.validation (league_id, validated_at);
create index validation_challenge on mpp.validation (challenge_id);

-- The ledger of an edition lies together, because editions follow each other. So this leads to it without an entry for each row.
create index validation_edition on mpp.validation using brin (edition_id) with (pages_per_range = 32, autosummarize = on);

-- These find an erased account without reading the ledger.
create index validation_validated_by on mpp.validation (validated_by) where validated_by is not null;
create index validation_cancelled_by on mpp.validation (cancelled_by) where cancelled_by is not null;

create function private.validation_keep_facts() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op <> 'UPDATE' then
        perform private.refuse('MP060', 'rows are not deleted');
    elsif (new.id, new.edition_id, new.challenge_id, new.player_id, new.team_id, new.league_id, new.points, new.proof_sent,
            new.validated_at)
        is distinct from
            (old.id, old.edition_id, old.challenge_id, old.player_id, old.team_id, old.league_id, old.points, old.proof_sent,
            old.validated_at) then
        perform private.refuse('MP060', 'only its state changes');
    elsif new.validated_by is distinct from old.validated_by and new.validated_by is not null then
        perform private.refuse('MP060', 'who validated it is only forgotten');
    elsif old.state = 'cancelled' and new.state <> 'cancelled' then
        perform private.refuse('MP060', 'a cancelled one stays cancelled');
    end if;
    new.credit_number := case when old.state = 'pending' and new.state = 'credited'
        then nextval('mpp.credit_number') else old.credit_number end;
    return new;
end
$$;

create trigger validation_keep_facts
    before update on mpp.validation
    for each row execute function private.validation_keep_facts();

create trigger validation_keep_rows
    before delete or truncate on mpp.validation
    for each statement execute function private.validation_keep_facts();

-- What the ledger refers to stays, and stays what it is.
create function private.keep_ledger_whole() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    needed boolean := tg_op = 'TRUNCATE';
begin
    if tg_op = 'TRUNCATE' then
        null;
    elsif tg_argv[0] = 'player' then
        needed := exists (select from mpp.validation v where v.player_id = old.id);
    elsif tg_argv[0] = 'team' then
        needed := exists (select from mpp.validation v where v.league_id = old.league_id and v.team_id = old.id);
    else
        needed := exists (select from mpp.validation v where v.challenge_id = old.id);
    end if;
    if needed then
        perform private.refuse('MP060', 'what it refers to is not deleted');
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;

create trigger player_keep_ledger
    before delete or update of id, edition_id on mpp.player
    for each row execute function private.keep_ledger_whole('player');
create trigger player_keep_ledger_whole
    before truncate on mpp.player
    for each statement execute function private.keep_ledger_whole('player');

create trigger team_keep_ledger
    before delete or update of id, league_id, edition_id on mpp.team
    for each row execute function private.keep_ledger_whole('team');
create trigger team_keep_ledger_whole
    before truncate on mpp.team
    for each statement execute function private.keep_ledger_whole('team');

create trigger edition_challenge_keep_ledger
    before delete or update of edition_id on mpp.edition_challenge
    for each row execute function private.keep_ledger_whole('challenge');
create trigger edition_challenge_keep_ledger_whole
    before truncate on mpp.edition_challenge
    for each statement execute function private.keep_ledger_whole('challenge');

alter table mpp.validation enable row level security;

create policy validation_select_authenticated on mpp.validation
    for select to authenticated
    using (
        league_id in (select private.my_league_ids())
        or player_id in (select private.my_player_ids())
        or (select private.is_ops())
    );

-- validated_by and cancelled_by are not granted: they are accounts, and a league knows players.
grant select (id, edition_id, challenge_id, player_id, team_id, league_id, points, state, proof_sent, validated_at, changed_at)
    on mpp.validation to authenticated;
grant select on mpp.validation to service_role;
