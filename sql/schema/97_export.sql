-- What the database holds about a person, as one JSON document: for its owner, at any time, and for the staff who answer a
-- request. Rows come as they are kept, so that a new column is in it by itself; the secrets and the other people that a
-- row names are taken out by name (tests/sql/test_export.py lists each with its reason).

-- The most rows of a table: an account has fewer, because its growth is bounded. What is beyond is counted.
create function private.export_rows(found jsonb, how_many bigint) returns jsonb
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select case when how_many > 5000 then jsonb_build_object('rows', found, 'left_out', how_many - 5000) else coalesce(found, '[]') end $$;

create function private.personal_data(account uuid) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    my_address text;
    my_players uuid[];
    kept jsonb;
begin
    -- An address that nobody has confirmed may be somebody else's.
    select lower(u.email) into my_address from auth.users u where u.id = account and u.email_confirmed_at is not null;
    my_players := array(select p.id from mpp.player p where p.account_id = account);
    select jsonb_build_object(
        'account', (
            select jsonb_build_object('id', u.id, 'email', u.email, 'email_confirmed_at', u.email_confirmed_at, 'created_at', u.created_at,
                'last_sign_in_at', u.last_sign_in_at, 'is_anonymous', u.is_anonymous)
            from auth.users u where u.id = account
        ),
        'session', (
            select jsonb_agg(jsonb_build_object('created_at', s.created_at, 'refreshed_at', s.refreshed_at, 'aal', s.aal, 'user_agent', s.user_agent,
                'ip', s.ip) order by s.created_at)
            from auth.sessions s where s.user_id = account
        ),
        'factor', (
            select jsonb_agg(jsonb_build_object('friendly_name', x.friendly_name, 'factor_type', x.factor_type, 'status', x.status,
                'created_at', x.created_at) order by x.created_at)
            from auth.mfa_factors x where x.user_id = account
        ),
        'profile', (select to_jsonb(f) from mpp.profile f where f.id = account),
        'account_proof', (select to_jsonb(x) - 'account_id' from mpp.account_proof x where x.account_id = account),
        'consent', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.id) from mpp.consent x where x.account_id = account),
        'guardian_request', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'token_digest'] order by x.id) from mpp.guardian_request x where x.account_id = account
        ),
        'guardian_consent', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'address_digest'] order by x.id) from mpp.guardian_consent x where x.account_id = account
        ),
        'privacy_request', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'handled_by'] order by x.id) from mpp.privacy_request x where x.account_id = account
        ),
        'picture', (select to_jsonb(x) - 'account_id' from mpp.picture x where x.account_id = account),
        'photo', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.shared_at, x.id) from mpp.photo x where x.account_id = account),
        'player', (
            select jsonb_agg(to_jsonb(p) - 'account_id' || jsonb_build_object('edition', e.code, 'league', l.name, 'team', t.name) order by p.joined_at, p.id)
            from mpp.player p
            join mpp.edition e on e.id = p.edition_id
            left join mpp.league l on l.id = p.league_id
            left join mpp.team t on t.id = p.team_id
            where p.id = any (my_players)
        ),
        'player_contact', (select jsonb_agg(to_jsonb(x) order by x.player_id) from mpp.player_contact x where x.player_id = any (my_players)),
        'score', (
            select jsonb_agg(jsonb_build_object('subject_id', s.subject_id, 'edition_id', s.edition_id, 'label', s.label, 'points', s.points,
                'listed', s.listed) order by s.edition_id)
            from mpp.score s where s.subject_id = any (my_players)
        ),
        'award', (
            select jsonb_agg(to_jsonb(x) order by x.id) from mpp.award x where x.scope = 'player' and x.subject_id = any (my_players)
        ),
        'unlock', (select jsonb_agg(to_jsonb(x) order by x.unlocked_at) from mpp.unlock x where x.player_id = any (my_players)),
        'ambassador', (
            select jsonb_agg(to_jsonb(b) - 'account_id' || jsonb_build_object('league', l.name) order by b.granted_at, b.league_id)
            from mpp.ambassador b join mpp.league l on l.id = b.league_id where b.account_id = account
        ),
        'teacher', (select to_jsonb(x) - 'account_id' from mpp.teacher x where x.account_id = account),
        'family', (
            select jsonb_agg(to_jsonb(x) - 'account_id' || jsonb_build_object('class', l.name) order by x.claimed_at, x.league_id)
            from mpp.family x join mpp.league l on l.id = x.league_id where x.account_id = account
        ),
        'school', (
            select jsonb_agg(to_jsonb(h) - array['created_by', 'search_text'] order by h.id) from mpp.school h where h.created_by = account
        ),
        'league', (
            select jsonb_agg(jsonb_build_object('id', l.id, 'edition_id', l.edition_id, 'name', l.name, 'created_at', l.created_at) order by l.id)
            from mpp.league l where l.created_by = account
        )
    ) || jsonb_build_object(
        'staff', (
            select jsonb_agg(to_jsonb(x) - 'account_id' || jsonb_build_object('organisation', o.name) order by x.added_at, x.organisation_id)
            from mpp.staff x join mpp.organisation o on o.id = x.organisation_id where x.account_id = account
        ),
        'ops_member', (select to_jsonb(x) - 'account_id' from mpp.ops_member x where x.account_id = account),
        'staff_invitation', (
            select jsonb_agg(to_jsonb(x) - array['code_digest', 'invited_by'] order by x.id) from mpp.staff_invitation x where lower(x.email) = my_address
        ),
        'participant', (select jsonb_agg(to_jsonb(x) order by x.invited_at, x.participation_id) from mpp.participant x where lower(x.email) = my_address),
        'campaign_guest', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.joined_at) from mpp.campaign_guest x where x.account_id = account),
        'partner_address', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.campaign_id) from mpp.partner_address x where x.account_id = account),
        'partner_withdrawal', (select jsonb_agg(to_jsonb(x) - 'account_id' order by x.id) from mpp.partner_withdrawal x where x.account_id = account),
        'conduct_report', (
            select jsonb_agg(to_jsonb(x) - array['account_id', 'reported_by', 'player_id'] || jsonb_build_object('is_about_me', x.account_id is not distinct from account)
                order by x.id)
            from mpp.conduct_report x where x.reported_by = account or x.account_id = account
        ),
        'name_change', (select jsonb_agg(to_jsonb(x) - array['account_id', 'changed_by'] order by x.id) from mpp.name_change x where x.account_id = account),
        'contact_request', (select jsonb_agg(to_jsonb(x) - 'handled_by' order by x.id) from mpp.contact_request x where lower(x.email) = my_address),
        'mail_suppression', (
            select jsonb_agg(to_jsonb(x) - 'account_id' order by x.id) from mpp.mail_suppression x where x.account_id = account or lower(x.address) = my_address
        ),
        'mail_bounce', (select jsonb_agg(to_jsonb(x) order by x.id) from mpp.mail_bounce x where lower(x.address) = my_address),
        'unsubscribe_token', (
            select jsonb_agg(jsonb_build_object('purpose', x.purpose, 'made_at', x.made_at) order by x.made_at) from mpp.unsubscribe_token x where x.account_id = account
        ),
        'class_guess', (select jsonb_agg(x.guessed_at order by x.guessed_at) from mpp.class_guess x where x.account_id = account),
        'unlock_guess', (
            select jsonb_agg(jsonb_build_object('edition_id', x.edition_id, 'guessed_at', x.guessed_at) order by x.guessed_at) from mpp.unlock_guess x where x.account_id = account
        ),
        -- How many marks a teacher gave: whom for is the pupils' own.
        'validations_for_pupils', (select nullif(count(*), 0) from mpp.validation v where v.validated_by = account and not v.player_id = any (my_players)),
        'outbox', private.export_rows(
            (
                select jsonb_agg(jsonb_build_object('purpose', m.purpose, 'template', m.template, 'language', m.language, 'state', m.state,
                    'sent_to', m.sent_to, 'queued_at', m.queued_at, 'sent_at', m.sent_at) order by m.id)
                from (select o.* from mpp.outbox o where o.account_id = account or lower(o.address) = my_address order by o.id desc limit 5000) m
            ),
            (select count(*) from mpp.outbox o where o.account_id = account or lower(o.address) = my_address)
        ),
        'validation', private.export_rows(
            (
                select jsonb_agg(to_jsonb(v) - array['validated_by', 'cancelled_by', 'credit_number'] || jsonb_build_object('challenge', c.code, 'title', c.title)
                    order by v.validated_at, v.id)
                from (select x.* from mpp.validation x where x.player_id = any (my_players) order by x.validated_at desc, x.id limit 5000) v
                join mpp.edition_challenge k on k.id = v.challenge_id
                join mpp.challenge c on c.id = k.challenge_id
            ),
            (select count(*) from mpp.validation x where x.player_id = any (my_players))
        ),
        -- What the person did, and what was done to their account; by whom is another's.
        'audit', private.export_rows(
            (
                select jsonb_agg(jsonb_build_object('at', a.at, 'action', a.action, 'is_mine', a.actor_id is not distinct from account) order by a.id)
                from (
                    select x.* from mpp.audit x where x.actor_id = account or x.subject = account::text order by x.id desc limit 5000
                ) a
            ),
            (select count(*) from mpp.audit x where x.actor_id = account or x.subject = account::text)
        ),
        'files', (
            select jsonb_agg(jsonb_build_object('bucket', o.bucket_id, 'path', o.name, 'created_at', o.created_at) order by o.bucket_id, o.name)
            from storage.objects o where o.owner_id = account::text
        )
    ) into kept;
    return jsonb_build_object('exported_at', private.clock(), 'data', jsonb_strip_nulls(kept));
end
$$;

create function private.export_my_data() returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.personal_data(private.signed_in(anonymous_too => true));
end
$$;
grant execute on function private.export_my_data to authenticated;

create function api.export_my_data() returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.export_my_data(); end;
comment on function api.export_my_data is 'Everything that the database holds about the caller, as JSON by table: {exported_at, data}. Anonymous accounts too. Of the longest tables the latest 5,000 rows, and how many were left out. Nothing about anybody else, no codes and no digests. Files are named; Storage gives them. Call it with GET. Errors: MP001.';
grant execute on function api.export_my_data to authenticated;

create function private.export_person(account_id uuid, reason text) returns jsonb
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
begin
    perform private.require_ops();
    why := private.clean_line('reason', export_person.reason, 300);
    if not exists (select from auth.users u where u.id = account_id) then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('user.export', account_id::text, jsonb_build_object('reason', why));
    return private.personal_data(account_id);
end
$$;
grant execute on function private.export_person to authenticated, service_role;

create function api.export_person(account_id uuid, reason text) returns jsonb
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.export_person(account_id, reason); end;
comment on function api.export_person is 'The same document for somebody who asked the staff for it, with a reason that the audit keeps. Staff of the association. Errors: MP005, MP006, MP010, MP013, MP047.';
grant execute on function api.export_person to authenticated, service_role;
