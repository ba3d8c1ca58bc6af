# ruff: noqa: E501 (a rule and the write that breaks it stand on one line)
"""Every rule that a table itself keeps: a row that breaks it is refused even to the tables' owner.

The functions refuse the same first and in better words, so that nothing but a direct write meets these rules. The
triggers are off here, which would refuse some of the writes before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.game import DAY, SECRET_WORD, Game, translated
from tests.support.game_trust import campaign, exported, guardian_token, join, refuse_picture, submitted_photo

PHONE = "+33612345678"

#: A constraint or unique index, and a write that only it refuses.
RULES = {
    # checks
    "audit_claimed_by_check": "insert into mpp.audit (actor_role, action, claimed_by) values ('x', 'x', '')",
    "award_of_client": "update mpp.award set organisation_id = null where participation_id is not null",
    "award_scope_check": "update mpp.award set scope = 'town'",
    "campaign_code_check": "update mpp.campaign set code = 'A'",
    "campaign_code_code_check": "update mpp.campaign_code set code = 'lower'",
    "campaign_code_creator_check": "update mpp.campaign_code set creator = repeat('c', 81)",
    "campaign_text_number_check": "update mpp.campaign_text set number = 0",
    "challenge_code_check": "update mpp.challenge set code = 'A'",
    "challenge_goals_check": "update mpp.challenge set goals = '{18}'",
    "class_code_code_check": "update mpp.class_code set code = 'lower'",
    "class_invitation_code_check": "update mpp.class_invitation set code = 'lower'",
    "conduct_report_reason_check": "update mpp.conduct_report set reason = ''",
    "consent_channel_check": "update mpp.consent set channel = 'fax'",
    "consent_partner_of_campaign": "update mpp.consent set campaign_id = null where campaign_id is not null",
    "contact_request_address_until_removed": "update mpp.contact_request set email = null",
    "contact_request_email_check": "update mpp.contact_request set email = 'Upper@example.org'",
    "contact_request_language_check": "update mpp.contact_request set language = 'it'",
    "contact_request_message_check": "update mpp.contact_request set message = ''",
    "contact_request_note_check": "update mpp.contact_request set note = repeat('n', 2001)",
    "contact_request_removal_reason_check": "update mpp.contact_request set email = null, removed_at = now(), removal_reason = ''",
    "contact_request_removed_with_reason": "update mpp.contact_request set email = null, removed_at = now()",
    "contact_request_size_check": "update mpp.contact_request set size = 0",
    "curriculum_theme_code_check": "update mpp.curriculum_theme set code = 'A'",
    "edition_check": "update mpp.edition set ends_at = starts_at, registration_closes_at = starts_at",
    "edition_check1": "update mpp.edition set registration_closes_at = ends_at + interval '1 second'",
    "edition_code_check": "update mpp.edition set code = 'A'",
    "edition_frozen_with_seal": "update mpp.edition set frozen_at = now() where frozen_at is null",
    "edition_league_max_players_check": "update mpp.edition set league_max_players = 1001",
    "edition_league_min_players_check": "update mpp.edition set league_min_players = 0",
    "edition_sizes_in_order": "update mpp.edition set league_min_players = 9, league_max_players = 8",
    "edition_teams_per_league_check": "update mpp.edition set teams_per_league = 0",
    "edition_unlock_guesses_per_hour_check": "update mpp.edition set unlock_guesses_per_hour = 0",
    "edition_challenge_boost": "update mpp.edition_challenge set boost_factor = 6 where kind = 'boost'",
    "edition_challenge_levels_check": "update mpp.edition_challenge set levels = '{}'",
    "edition_challenge_points": "update mpp.edition_challenge set points = 1 where kind = 'malus'",
    "edition_challenge_quorum": "update mpp.edition_challenge set quorum = 1 where kind = 'collective'",
    "edition_challenge_repeat_limit_check": "update mpp.edition_challenge set repeat_limit = 0",
    "edition_challenge_secret": "update mpp.edition_challenge set secret_digest = null where kind = 'hidden'",
    "edition_challenge_window": "update mpp.edition_challenge set closes_at = opens_at where kind = 'flash'",
    "edition_count_challenges_check": "update mpp.edition_count set challenges = -1",
    "edition_count_players_check": "update mpp.edition_count set players = -1",
    "guardian_consent_address_digest_check": "update mpp.guardian_consent set address_digest = 'short' where channel = 'link'",
    "guardian_consent_channel_check": "update mpp.guardian_consent set channel = 'fax'",
    "guardian_consent_is_proven": "update mpp.guardian_consent set address_digest = null where channel = 'link'",
    "guardian_consent_reason_check": "update mpp.guardian_consent set reason = repeat('r', 201)",
    "guardian_request_address_check": "update mpp.guardian_request set address = 'Upper@example.org'",
    "guardian_request_decision_is_whole": "update mpp.guardian_request set granted = null where granted",
    "guardian_request_token_digest_check": "update mpp.guardian_request set token_digest = 'short'",
    "join_code_code_check": "update mpp.join_code set code = 'lower'",
    "league_held_back": "update mpp.league set held_back = true, listed = true",
    "league_name_check": "update mpp.league set name = repeat('n', 61)",
    "league_or_class": "update mpp.league set level = null where school_id is not null",
    "league_unit_of_client": "update mpp.league set participation_id = null where unit_id is not null",
    "mail_bounce_address_check": "update mpp.mail_bounce set address = 'Upper@example.org'",
    "mail_bounce_reason_check": "update mpp.mail_bounce set reason = repeat('r', 501)",
    "mail_suppression_one_reader": "update mpp.mail_suppression set account_id = null, address = null",
    "mail_suppression_purpose_check": "update mpp.mail_suppression set purpose = 'service'",
    "maintenance_window_check": "update mpp.maintenance_window set ends_at = starts_at",
    "map_cell_country_check": "update mpp.map_cell set country = 'fr', department = null",
    "map_cell_department_check": "update mpp.map_cell set department = '1'",
    "map_cell_department_in_france": "update mpp.map_cell set country = 'BE' where department is not null",
    "map_cell_players_check": "update mpp.map_cell set players = 4",
    "newsletter_body_check": "update mpp.newsletter set body = ''",
    "newsletter_code_check": "update mpp.newsletter set code = 'A'",
    "newsletter_language_check": "update mpp.newsletter set language = 'de'",
    "organisation_code_check": "update mpp.organisation set code = 'A'",
    "organisation_language_check": "update mpp.organisation set language = 'de'",
    "outbox_address_check": "update mpp.outbox set address = 'Upper@example.org'",
    "outbox_claim_is_whole": "update mpp.outbox set state = 'sending', claimed_by = gen_random_uuid()",
    "outbox_consent_is_of_accounts": "update mpp.outbox set purpose = 'newsletter' where address is not null",
    "outbox_data_check": "update mpp.outbox set data = '[]'",
    "outbox_key_check": "update mpp.outbox set key = 'a space'",
    "outbox_language_check": "update mpp.outbox set language = 'de'",
    "outbox_message_domain_check": "update mpp.outbox set message_domain = 'Upper'",
    "outbox_message_part_check": "update mpp.outbox set message_part = 'short'",
    "outbox_one_recipient": "update mpp.outbox set account_id = null, address = null",
    "outbox_sent_has_time": "update mpp.outbox set state = 'sent'",
    "outbox_template_check": "update mpp.outbox set template = 'A'",
    "participant_email_check": "update mpp.participant set email = 'Upper@example.org'",
    "participation_expected_players_check": "update mpp.participation set expected_players = 0",
    "partner_code_check": "update mpp.partner set code = 'A'",
    "partner_export_digest_check": "update mpp.partner_export set digest = 'short'",
    "partner_export_people_check": "update mpp.partner_export set people = -1",
    "privacy_request_address_check": "update mpp.privacy_request set address = 'Upper@example.org' where handled_at is null",
    "privacy_request_channel_check": "update mpp.privacy_request set channel = 'fax'",
    "privacy_request_forgets_address": "update mpp.privacy_request set address = 'a@example.org' where handled_at is not null",
    "privacy_request_handled_has_time": "update mpp.privacy_request set handled_at = null where state = 'withdrawn'",
    "privacy_request_note_check": "update mpp.privacy_request set note = ''",
    "privacy_request_outcome_check": "update mpp.privacy_request set outcome = repeat('o', 501)",
    "privacy_request_waits_for_erasure": "update mpp.privacy_request set kind = 'access' where state = 'waiting'",
    "partner_withdrawal_note_check": "update mpp.partner_withdrawal set note = repeat('n', 301)",
    "partner_withdrawal_outcome_check": "update mpp.partner_withdrawal set outcome = 'forgotten', settled_at = now(), address = null",
    "partner_withdrawal_reason_check": "update mpp.partner_withdrawal set reason = 'moved'",
    "partner_withdrawal_settled_is_whole": "update mpp.partner_withdrawal set settled_at = now() where settled_at is null",
    "past_statistics_challenges_check": "update mpp.past_statistics set challenges = -1",
    "past_statistics_editions_check": "update mpp.past_statistics set editions = -1",
    "past_statistics_players_check": "update mpp.past_statistics set players = -1",
    "player_contact_phone_check": "update mpp.player_contact set phone = '0612345678'",
    "player_initial_of_pupil": "update mpp.player set initial = 'Abc' where alias is null",
    "name_change_of_one_thing": "update mpp.name_change set kind = 'team' where kind = 'alias'",
    "name_change_reason_check": "update mpp.name_change set reason = ''",
    "player_listing_chosen": "update mpp.player set listing_choice = true",
    "player_pupil_is_private": "update mpp.player set listed = true where alias is null",
    "player_team_with_league": "update mpp.player set team_id = null where team_id is not null",
    "profile_birth_date_check": "update mpp.profile set birth_date = '1900-01-01' where birth_date is not null",
    "profile_country_check": "update mpp.profile set country = 'fr' where country is not null",
    "profile_language_check": "update mpp.profile set language = 'it'",
    "photo_caption_check": "update mpp.photo set caption = ''",
    "photo_faulty_has_problem": "update mpp.photo set problem = 'unreadable' where state = 'submitted'",
    "photo_removal_cause_check": "update mpp.photo_removal set cause = 'else'",
    "photo_removal_forgets_note": "update mpp.photo_removal set note = 'my face', done_at = now()",
    "photo_removal_note_check": "update mpp.photo_removal set note = repeat('n', 501)",
    "photo_text_number_check": "update mpp.photo_text set number = 0",
    "photo_used_for_check": "update mpp.photo set state = 'used', used_for = repeat('u', 1001)",
    "photo_used_somewhere": "update mpp.photo set used_for = 'Poster'",
    "picture_path_of_account": "update mpp.picture set path = gen_random_uuid() || '/' || repeat('0', 32) || '.jpg'",
    "picture_shown_or_refused": "update mpp.picture set path = null, problem = null",
    "profile_picture_path_check": "update mpp.profile set picture_path = repeat('p', 301)",
    "profile_plays_or_not": "update mpp.profile set country = null where country is not null",
    "profile_postcode_check": "update mpp.profile set postcode = '-' where postcode is not null",
    "school_commune_check": "update mpp.school set commune = 'nowhere' where country = 'FR'",
    "school_place_in_france": "update mpp.school set stated_department = '69' where country <> 'FR'",
    "school_stated_department_check": "update mpp.school set stated_department = '1' where country = 'FR'",
    "school_country_check": "update mpp.school set country = 'fr'",
    "school_in_france_has_rne": "update mpp.school set rne = null where country = 'FR'",
    "school_levels_check": "update mpp.school set levels = '{}'",
    "school_postcode_check": "update mpp.school set postcode = '-'",
    "school_rne_check": "update mpp.school set rne = '1'",
    "score_scope_known": "update mpp.score set scope = 'college'",
    "score_count_is_whole": "update mpp.score_count set counts = counts || 0",
    "setting_name_check": "update mpp.setting set name = 'A' where name = 'terms_due'",
    "setting_value_is_allowed": "update mpp.setting set value = 'anything' where name = 'terms_due'",
    "staff_check": "update mpp.staff set access_until = access_from",
    "staff_invitation_check": "update mpp.staff_invitation set access_until = access_from",
    "staff_invitation_email_check": "update mpp.staff_invitation set email = 'Upper@example.org'",
    "task_days": "update mpp.task set until_day = null where day is not null",
    "task_last_days": "update mpp.task set last_day = day, last_until_day = until_day where day is not null",
    "task_priority_check": "update mpp.task set priority = 4",
    "teacher_role_check": "update mpp.teacher set role = repeat('r', 81)",
    "teacher_subject_check": "update mpp.teacher set subject = repeat('s', 81)",
    "team_name_check": "update mpp.team set name = repeat('n', 41)",
    "terms_version_announced_before_it_holds": "update mpp.terms_version set effective_at = published_at - interval '1 second'",
    "terms_version_one_text": "update mpp.terms_version set body = jsonb '{\"fr\": \"x\", \"en\": \"x\"}', address = jsonb '{\"fr\": \"x\", \"en\": \"x\"}'",
    "terms_version_version_check": "update mpp.terms_version set version = 'latest'",
    "territory_code": "update mpp.territory set code = 'nowhere'",
    "theme_code_check": "update mpp.theme set code = 'A'",
    "unit_name_check": "update mpp.unit set name = repeat('n', 61)",
    "unsubscribe_token_one_reader": "update mpp.unsubscribe_token set account_id = null, address = null",
    "unsubscribe_token_purpose_check": "update mpp.unsubscribe_token set purpose = 'service'",
    # checks of a domain
    "line_is_clean": "update mpp.unit set name = ' untrimmed'",
    "school_level_known": "update mpp.league set level = 'university' where level is not null",
    "translated_has_fr_and_en": """update mpp.theme set name = '{"fr": "Seulement"}'""",
    "ranking_scope_known": "update mpp.score_count set scope = 'town'",
    # what there is once
    "ambassador_one_principal": "update mpp.ambassador set is_principal = true",
    "award_once": "insert into mpp.award (edition_id, participation_id, organisation_id, rule, place, scope, title, description, subject_id, value, granted_at) select edition_id, participation_id, organisation_id, rule, place, scope, title, description, subject_id, value, granted_at from mpp.award",
    "campaign_code_key": "update mpp.campaign set code = 'twice'",
    "campaign_code_code_key": "update mpp.campaign_code set code = '0123456789'",
    "campaign_code_creator": "update mpp.campaign_code set creator = case when id % 2 = 0 then 'twice' else 'Twice' end, campaign_id = (select min(id) from mpp.campaign)",
    "class_code_code_key": "update mpp.class_code set code = '0123456789'",
    "class_invitation_code_key": "update mpp.class_invitation set code = '0123456789'",
    "edition_code_key": "update mpp.edition set code = 't-twice'",
    "edition_challenge_card_once": "update mpp.edition_challenge set challenge_id = (select min(id) from mpp.challenge), secret_digest = case when kind = 'hidden' then sha256(id::text::bytea) end",
    "edition_challenge_secret_once": "update mpp.edition_challenge set kind = 'hidden', quorum = null, boost_factor = null, points = 1, secret_digest = 'same'",
    "file_removal_once": "update mpp.file_removal set path = 'same'",
    "privacy_request_one_erasure": "update mpp.privacy_request set state = 'waiting', handled_at = null where state = 'withdrawn'",
    "guardian_request_token_digest_key": "update mpp.guardian_request set token_digest = sha256('same')",
    "join_code_code_key": "update mpp.join_code set code = '0123456789'",
    "league_name_once": "update mpp.league set name = 'Twice' where school_id is null",
    "mail_suppression_account": "insert into mpp.mail_suppression (purpose, account_id) select purpose, account_id from mpp.mail_suppression where account_id is not null",
    "mail_suppression_address": "insert into mpp.mail_suppression (purpose, address) select purpose, address from mpp.mail_suppression where address is not null",
    "client_map_cell_once": "insert into mpp.client_map_cell select * from mpp.client_map_cell",
    "map_cell_once": "insert into mpp.map_cell (edition_id, country, department, players) select edition_id, country, department, players from mpp.map_cell",
    "organisation_code_key": "update mpp.organisation set code = 't-twice'",
    "outbox_key_key": "update mpp.outbox set key = 'twice'",
    "outbox_message_part_key": "update mpp.outbox set message_part = repeat('0', 40)",
    "participation_once": "insert into mpp.participation (organisation_id, edition_id) select organisation_id, edition_id from mpp.participation",
    "photo_reference_once": "update mpp.photo set reference = 'TWICE'",
    "partner_code_key": "update mpp.partner set code = 'twice'",
    "player_once_per_edition": "insert into mpp.player (edition_id, account_id, alias, first_name) select edition_id, account_id, alias, first_name from mpp.player where account_id is not null",
    "player_pupil_name_once": "update mpp.player set first_name = 'Twice', initial = null where alias is null",
    "school_abroad_once": "insert into mpp.school (country, postcode, city, name, levels) select country, postcode, upper(city), name, levels from mpp.school where rne is null",
    "school_rne_key": "insert into mpp.school (rne, postcode, city, name, levels) select rne, postcode, city, name, levels from mpp.school where rne is not null",
    "school_standing_once": "insert into mpp.school_standing select * from mpp.school_standing",
    "staff_invitation_code_digest_key": "update mpp.staff_invitation set code_digest = 'same'",
    "staff_invitation_once": "update mpp.staff_invitation set organisation_id = (select min(id) from mpp.organisation), email = 'twice@example.org'",
    "task_once": "update mpp.task set code = 'twice'",
    "team_name_once": "update mpp.team set name = 'Twice'",
    "unit_name_once": "update mpp.unit set name = case when id % 2 = 0 then 'twice' else 'Twice' end, organisation_id = (select min(id) from mpp.organisation)",
}  # fmt: skip

#: A foreign key, and the column that is made to point at nothing.
REFERENCES = {
    "account_proof_account_id_fkey": "mpp.account_proof.account_id",
    "ambassador_account_id_fkey": "mpp.ambassador.account_id",
    "ambassador_league_id_fkey": "mpp.ambassador.league_id",
    "ambassador_player_id_fkey": "mpp.ambassador.player_id",
    "award_edition_id_fkey": "mpp.award.edition_id",
    "award_organisation_id_fkey": "mpp.award.organisation_id",
    "award_participation_id_fkey": "mpp.award.participation_id",
    "award_round_edition_id_fkey": "mpp.award_round.edition_id",
    "campaign_code_campaign_id_fkey": "mpp.campaign_code.campaign_id",
    "campaign_edition_id_fkey": "mpp.campaign.edition_id",
    "campaign_guest_account_id_fkey": "mpp.campaign_guest.account_id",
    "campaign_guest_campaign_id_fkey": "mpp.campaign_guest.campaign_id",
    "campaign_guest_code_id_fkey": "mpp.campaign_guest.code_id",
    "campaign_partner_id_fkey": "mpp.campaign.partner_id",
    "campaign_text_campaign_id_fkey": "mpp.campaign_text.campaign_id",
    "challenge_theme_fkey": "mpp.challenge.theme",
    "class_challenge_challenge_id_fkey": "mpp.class_challenge.challenge_id",
    "class_challenge_league_id_fkey": "mpp.class_challenge.league_id",
    "class_code_league_id_fkey": "mpp.class_code.league_id",
    "class_guess_account_id_fkey": "mpp.class_guess.account_id",
    "class_invitation_league_id_fkey": "mpp.class_invitation.league_id",
    "class_request_challenge_id_fkey": "mpp.class_request.challenge_id",
    "class_request_league_id_fkey": "mpp.class_request.league_id",
    "class_request_team_id_fkey": "mpp.class_request.team_id",
    "conduct_report_edition_id_fkey": "mpp.conduct_report.edition_id",
    "conduct_report_league_id_fkey": "mpp.conduct_report.league_id",
    "conduct_report_player_id_fkey": "mpp.conduct_report.player_id",
    "consent_campaign_id_fkey": "mpp.consent.campaign_id",
    "dashboard_organisation_id_fkey": "mpp.dashboard.organisation_id",
    "edition_challenge_challenge_id_fkey": "mpp.edition_challenge.challenge_id",
    "edition_challenge_edition_id_fkey": "mpp.edition_challenge.edition_id",
    "edition_count_edition_id_fkey": "mpp.edition_count.edition_id",
    "edition_organisation_id_fkey": "mpp.edition.organisation_id",
    "family_account_id_fkey": "mpp.family.account_id",
    "family_league_id_fkey": "mpp.family.league_id",
    "guardian_request_account_id_fkey": "mpp.guardian_request.account_id",
    "join_code_league_id_fkey": "mpp.join_code.league_id",
    "league_edition_id_fkey": "mpp.league.edition_id",
    "league_of_participation": "mpp.league.participation_id",
    "league_of_unit": "mpp.league.unit_id",
    "league_school_id_fkey": "mpp.league.school_id",
    "mail_bounce_outbox_id_fkey": "mpp.mail_bounce.outbox_id",
    "mail_suppression_account_id_fkey": "mpp.mail_suppression.account_id",
    "client_map_cell_participation_id_fkey": "mpp.client_map_cell.participation_id",
    "map_cell_edition_id_fkey": "mpp.map_cell.edition_id",
    "ops_member_account_id_fkey": "mpp.ops_member.account_id",
    "outbox_account_id_fkey": "mpp.outbox.account_id",
    "outbox_league_id_fkey": "mpp.outbox.league_id",
    "outbox_organisation_id_fkey": "mpp.outbox.organisation_id",
    "participant_league_id_fkey": "mpp.participant.league_id",
    "participant_participation_id_fkey": "mpp.participant.participation_id",
    "participation_edition_id_fkey": "mpp.participation.edition_id",
    "participation_organisation_id_fkey": "mpp.participation.organisation_id",
    "partner_address_account_id_fkey": "mpp.partner_address.account_id",
    "partner_address_campaign_id_fkey": "mpp.partner_address.campaign_id",
    "partner_address_export_id_fkey": "mpp.partner_address.export_id",
    "partner_export_campaign_id_fkey": "mpp.partner_export.campaign_id",
    "privacy_request_account_id_fkey": "mpp.privacy_request.account_id",
    "privacy_request_handled_by_fkey": "mpp.privacy_request.handled_by",
    "partner_withdrawal_account_id_fkey": "mpp.partner_withdrawal.account_id",
    "partner_withdrawal_campaign_id_fkey": "mpp.partner_withdrawal.campaign_id",
    "partner_withdrawal_export_id_fkey": "mpp.partner_withdrawal.export_id",
    "name_change_account_id_fkey": "mpp.name_change.account_id",
    "name_change_changed_by_fkey": "mpp.name_change.changed_by",
    "photo_account_id_fkey": "mpp.photo.account_id",
    "photo_league_id_fkey": "mpp.photo.league_id",
    "photo_removal_photo_id_fkey": "mpp.photo_removal.photo_id",
    "photo_text_number_fkey": "mpp.photo.text_number",
    "picture_account_id_fkey": "mpp.picture.account_id",
    "player_account_id_fkey": "mpp.player.account_id",
    "player_contact_player_id_fkey": "mpp.player_contact.player_id",
    "player_edition_id_fkey": "mpp.player.edition_id",
    "player_left_class_id_fkey": "mpp.player.left_class_id",
    "player_team_id_league_id_edition_id_fkey": "mpp.player.team_id",
    "profile_id_fkey": "mpp.profile.id",
    "school_standing_edition_id_fkey": "mpp.school_standing.edition_id",
    "school_standing_school_id_fkey": "mpp.school_standing.school_id",
    "score_count_edition_id_fkey": "mpp.score_count.edition_id",
    "score_edition_id_fkey": "mpp.score.edition_id",
    "staff_account_id_fkey": "mpp.staff.account_id",
    "staff_invitation_invited_by_fkey": "mpp.staff_invitation.invited_by",
    "staff_invitation_organisation_id_fkey": "mpp.staff_invitation.organisation_id",
    "staff_organisation_id_fkey": "mpp.staff.organisation_id",
    "task_organisation_id_fkey": "mpp.task.organisation_id",
    "task_participation_id_fkey": "mpp.task.participation_id",
    "teacher_account_id_fkey": "mpp.teacher.account_id",
    "team_league_id_edition_id_fkey": "mpp.team.league_id",
    "territory_organisation_id_fkey": "mpp.territory.organisation_id",
    "unit_organisation_id_fkey": "mpp.unit.organisation_id",
    "unlock_challenge_id_fkey": "mpp.unlock.challenge_id",
    "unlock_guess_account_id_fkey": "mpp.unlock_guess.account_id",
    "unlock_guess_edition_id_fkey": "mpp.unlock_guess.edition_id",
    "unsubscribe_token_account_id_fkey": "mpp.unsubscribe_token.account_id",
}

#: Columns without a default that may not be null, but for texts in two languages: their domain refuses null as well.
NEVER_NULL = {
    "mpp.ambassador": "is_principal",
    "mpp.audit": "actor_role action",
    "mpp.award": "edition_id rule place scope subject_id value granted_at",
    "mpp.award_round": "granted_at",
    "mpp.campaign": "code partner_id edition_id",
    "mpp.campaign_code": "campaign_id creator code",
    "mpp.campaign_guest": "code_id",
    "mpp.challenge": "code theme",
    "mpp.class_code": "code",
    "mpp.class_guess": "account_id",
    "mpp.class_invitation": "code expires_at",
    "mpp.class_request": "league_id challenge_id answered",
    "mpp.conduct_report": "kind edition_id league_id player_id reason",
    "mpp.consent": "account_id purpose granted text_version channel",
    "mpp.contact_request": "kind name message language received_at",
    "mpp.dashboard": "organisation_id",
    "mpp.edition": "code audience starts_at ends_at registration_closes_at ranking_basis",
    "mpp.edition_challenge": "edition_id challenge_id kind points",
    "mpp.edition_count": "players challenges counted_at",
    "mpp.guardian_consent": "account_id granted channel text_version",
    "mpp.guardian_request": "account_id address token_digest text_version expires_at",
    "mpp.join_code": "code",
    "mpp.league": "edition_id name",
    "mpp.mail_bounce": "address is_hard reason",
    "mpp.mail_suppression": "purpose",
    "mpp.maintenance_window": "starts_at ends_at",
    "mpp.client_map_cell": "participation_id",
    "mpp.map_cell": "edition_id players",
    "mpp.name_change": "kind old_name reason",
    "mpp.newsletter": "subject body",
    "mpp.organisation": "code name",
    "mpp.outbox": "key message_part purpose template language",
    "mpp.participant": "league_id",
    "mpp.participation": "organisation_id edition_id",
    "mpp.partner": "code name",
    "mpp.partner_address": "export_id",
    "mpp.partner_export": "campaign_id people digest",
    "mpp.partner_withdrawal": "campaign_id export_id reason",
    "mpp.past_statistics": "source editions players challenges",
    "mpp.photo": "league_id account_id caption text_number",
    "mpp.photo_removal": "reference cause due_at",
    "mpp.picture": "checked_at",
    "mpp.player": "edition_id first_name",
    "mpp.player_contact": "phone",
    "mpp.profile": "first_name last_name",
    "mpp.school": "name levels postcode city",
    "mpp.school_standing": "edition_id rank school_id classes points players value tie_order",
    "mpp.score": "edition_id scope label listed is_public",
    "mpp.score_count": "bucket subjects counts",
    "mpp.score_delta": "edition_id subjects",
    "mpp.setting": "value allowed about",
    "mpp.staff": "role access_from access_until",
    "mpp.staff_invitation": "organisation_id email role access_from access_until code_digest expires_at",
    "mpp.task": "participation_id organisation_id code stage place owner priority",
    "mpp.teacher": "role",
    "mpp.team": "league_id edition_id name",
    "mpp.terms_version": "effective_at",
    "mpp.unit": "organisation_id name",
    "mpp.unlock_guess": "account_id edition_id",
    "mpp.unsubscribe_token": "purpose",
    "mpp.validation": "edition_id challenge_id player_id team_id league_id points state",
}

#: Where setting the column alone would break another rule too.
ONLY = {
    "edition_challenge_edition_id_fkey": "update mpp.edition_challenge set edition_id = -1"
    " where id = (select max(id) from mpp.edition_challenge)",
    "league_edition_id_fkey": "insert into mpp.league (edition_id, name, category)"
    " select -1, 'Nowhere', category from mpp.league where category is not null limit 1",
    "league_of_unit": "update mpp.league set unit_id = -1 where unit_id is not null",
    "league_school_id_fkey": "update mpp.league set school_id = gen_random_uuid() where school_id is not null",
    "outbox_account_id_fkey": "update mpp.outbox set account_id = gen_random_uuid(), address = null",
    "participation_edition_id_fkey": "insert into mpp.participation (organisation_id, edition_id)"
    " select id, -1 from mpp.organisation limit 1",
    "consent_campaign_id_fkey": "update mpp.consent set campaign_id = -1 where campaign_id is not null",
    "player_edition_id_fkey": "insert into mpp.player (edition_id, first_name, listed) values (-1, 'Lina', false)",
    "profile_id_fkey": "insert into mpp.profile (id, first_name, last_name) values (gen_random_uuid(), 'Ana', 'B')",
    "team_league_id_edition_id_fkey": "insert into mpp.team (league_id, edition_id, name)"
    " select gen_random_uuid(), edition_id, 'Team' from mpp.team limit 1",
}


@pytest.fixture(scope="module")
def world(database_url: str) -> Iterator[Game]:
    """A transaction with rows in every table, rolled back after the last test of this file."""
    with psycopg.connect(database_url) as db:
        game = Game(db)
        fill(game)
        yield game
        db.rollback()


def fill(game: Game) -> None:
    """At least one row in every table, and two where a rule compares rows."""
    play(game)
    at_school(game)
    for clients in client(game), client(game):
        write(game, clients)
    for _ in range(2):
        trust(game)
    freeze_rows(game)


def play(game: Game) -> None:
    edition = game.edition()
    for _ in range(2):
        league = game.league(edition, is_open=True, phone=PHONE)
        player, expelled = game.player(league, phone=PHONE, team=0), game.player(league, phone=PHONE)
        league.ambassador.call("set_co_ambassador", player_id=player.player_id, granted=True)
        league.ambassador.call("expel_player", player_id=expelled.player_id, reason="why")
        game.validate(player, edition, "t-bike")
        player.call("unlock_challenge", edition_id=edition.id, word="wrong")
        player.call("unlock_challenge", edition_id=edition.id, word=SECRET_WORD)
    staff = game.staff()
    game.run("insert into mpp.account_proof (account_id) values (%s)", (staff.account,))
    staff.call("change_name", kind="alias", subject_id=player.player_id, reason="why")
    game.service.call(
        "announce_maintenance", starts_at=game.now + DAY, ends_at=game.now + 2 * DAY, message=translated("Moving")
    )
    game.service.call(
        "send_contact_request", kind="quote", name="Camille", email="camille@example.org", message="Bonjour", size=3
    )
    player.call("set_consent", purpose="newsletter", granted=True)


def at_school(game: Game) -> None:
    edition = game.edition(audience="school")
    for _ in range(2):
        class_ = game.class_(edition, teams=["A", "B"])
        game.pupils(class_, "Lina", "Marie M", team="A")
        class_.teacher.call("invite_co_teacher", class_id=class_.id)
        class_.teacher.call("choose_class_challenges", class_id=class_.id, challenge_ids=[edition.challenges["t-soup"]])
        class_.teacher.table(
            "validate_for_pupils", class_id=class_.id, challenge_id=edition.challenges["t-soup"],
            request_key=uuid.uuid4(), team_id=class_.teams[0],
        )  # fmt: skip
        game.family(class_).call("claim_class", code="wrong")
    game.service.call(
        "add_school", name="Lycée", city="Bruxelles", postcode="1000", country="BE", levels=["lycee"], rne=None
    )
    game.run("insert into mpp.curriculum_theme (code, name) values ('t-living', %s)", (Jsonb(translated("Living")),))


def client(game: Game) -> int:
    edition, organisation = game.edition(), game.organisation()
    participation = game.participation(organisation, edition)
    for unit in ("North", "South"):
        game.client_league(participation, edition, unit=unit)
    game.employed(organisation, "owner")
    game.service.call(
        "invite_participants", participation_id=participation, participants=Jsonb([{"email": "guest@example.org"}])
    )
    for address in ("one@example.org", "two@example.org"):
        game.service.call("invite_staff", organisation_id=organisation, email=address, access_until=game.now + DAY)
    game.service.call("set_territory", organisation_id=organisation, codes={"department": ["69"]})
    game.service.call("plan_participation", participation_id=participation)
    game.run(
        "insert into mpp.dashboard (role_name, organisation_id) values (%s, %s)", (f"t_{organisation}", organisation)
    )
    return organisation


def write(game: Game, organisation: int) -> None:
    """What mails leave behind."""
    account = game.account()
    mail = game.one("select max(id) from mpp.outbox where organisation_id = %s", (organisation,))
    for statement, parameters in (
        ("insert into mpp.mail_suppression (purpose, account_id) values ('weekly_report', %s)", (account,)),
        ("insert into mpp.mail_suppression (purpose, address) values ('invitation', %s)", (f"{account}@example.org",)),
        ("insert into mpp.unsubscribe_token (digest, purpose, account_id) values (%s, 'newsletter', %s)",
         (account.bytes, account)),
        ("insert into mpp.mail_bounce (address, is_hard, reason, outbox_id) values ('a@example.org', true, '5', %s)",
         (mail,)),
        ("insert into mpp.newsletter (code, language, subject, body) values (%s, 'fr', 'Subject', 'Body')",
         (f"t-{organisation}",)),
    ):  # fmt: skip
        game.run(statement, parameters)


def trust(game: Game) -> None:
    """A campaign with somebody who withdrew after an export and somebody who did not, and guardians of two kinds."""
    mission = campaign(game, None, "First", "Second")
    people = [join(game.registered(), mission, consent=True) for _ in range(2)]
    exported(game, mission)
    people[0].call("set_consent", purpose="partner_sharing", granted=False)
    child = game.registered(birth_date=game.child(12))
    child.call("ask_guardian", email="guardian@example.org")
    game.anon.call("guardian_decide", token=guardian_token(game, child), granted=True)
    game.service.call("record_guardian_consent", account_id=child.account, granted=True, reason="a letter")
    refuse_picture(game, people[0])
    for _ in range(2):
        photo = submitted_photo(game, game.league(mission.edition))
        game.anon.call("request_photo_removal", reference=photo["reference"])
    # An erasure that was taken back, and one that waits.
    game.service.call("set_setting", name="erasure_wait", value="7")
    people[1].call("erase_my_account")
    people[1].call("keep_my_account")
    people[1].call("erase_my_account")
    game.run("insert into mpp.file_removal (bucket_id, path) values ('pictures', gen_random_uuid()::text)")


def freeze_rows(game: Game) -> None:
    """What freezing writes, without the players that it takes."""
    edition = game.one("select min(id) from mpp.edition where frozen_at is null")
    participation, organisation = game.rows("select id, organisation_id from mpp.participation limit 1")[0].values()
    school = game.one("select id from mpp.school limit 1")
    for statement, parameters in (
        ("insert into mpp.award (edition_id, participation_id, organisation_id, rule, place, scope, title, description,"
         " subject_id, value, granted_at) values (%s, %s, %s, 'r', 1, 'player', %s, %s, gen_random_uuid(), 1, now())",
         (edition, participation, organisation, Jsonb(translated("Title")), Jsonb(translated("Text")))),
        ("insert into mpp.award_round (edition_id, rule, granted_at) values (%s, 'r', now())", (edition,)),
        ("insert into mpp.edition_count (edition_id, players, challenges, counted_at) values (%s, 1, 1, now())",
         (edition,)),
        ("insert into mpp.client_map_cell (participation_id, department, players) values (%s, '69', 5)", (participation,)),
        ("insert into mpp.map_cell (edition_id, country, department, players) values (%s, 'FR', '69', 5)", (edition,)),
        ("insert into mpp.school_standing (edition_id, level, rank, school_id, classes, points, players, value,"
         " tie_order) values (%s, null, 1, %s, 1, 1, 1, 1, 1)", (edition, school)),
    ):  # fmt: skip
        game.run(statement, parameters)
    game.run("select private.fold_scores(%s)", (edition,))


@pytest.mark.parametrize("rule", RULES)
def test_a_write_that_breaks_a_rule_of_its_table_is_refused(world, rule):
    assert broken(world, RULES[rule]).constraint_name == rule


@pytest.mark.parametrize("key", REFERENCES)
def test_a_row_that_points_at_nothing_is_refused(world, key):
    table, _, column = REFERENCES[key].rpartition(".")
    kind = world.one(
        "select atttypid::regtype::text from pg_attribute where attrelid = %s::regclass and attname = %s",
        (table, column),
    )
    nothing = {"uuid": "gen_random_uuid()", "integer": "-1", "bigint": "-1", "text": "'nothing'"}[kind]
    write = ONLY.get(key, f"update {table} set {column} = {nothing} where ctid = (select min(ctid) from {table})")
    assert broken(world, write).constraint_name == key


@pytest.mark.parametrize(
    "place", [f"{table}.{column}" for table, all_ in NEVER_NULL.items() for column in all_.split()]
)
def test_a_column_that_is_never_null_refuses_null(world, place):
    table, _, column = place.rpartition(".")
    found = broken(world, f"update {table} set {column} = null")
    assert (found.sqlstate, found.table_name, found.column_name) == ("23502", table.rpartition(".")[2], column)


def test_a_time_zone_that_nobody_knows_is_refused(world):
    assert broken(world, "update mpp.edition set time_zone = 'Europe/Nowhere'").sqlstate == "22023"


def test_every_rule_of_a_table_has_a_write_that_breaks_it(game):
    ours = game.rows(
        "select conname as name from pg_constraint k where contype in ('c', 'f', 'u', 'x')"
        " and (connamespace = 'mpp'::regnamespace or contypid in (select oid from pg_type t"
        " where t.typnamespace in ('api'::regnamespace, 'mpp'::regnamespace)))"
        " and not exists (select from pg_constraint f where f.contype = 'f' and f.conindid = k.conindid and k.contype = 'u')"
        " union select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where i.indisunique and c.relnamespace = 'mpp'::regnamespace"
        " and not exists (select from pg_constraint k where k.conindid = i.indexrelid)"
    )
    tried = {*RULES, *REFERENCES, "edition_time_zone_check"}
    assert {row["name"] for row in ours} - tried == set()


def broken(world: Game, write: str) -> psycopg.errors.Diagnostic:
    """What the database says of a direct write that it refuses, with the triggers of the table off."""
    table = next(word for word in write.split() if word.startswith("mpp."))
    try:
        with world.db.transaction(force_rollback=True):
            world.db.execute(f"alter table {table} disable trigger user".encode())
            world.db.execute(write.encode())
    except psycopg.Error as error:
        return error.diag
    pytest.fail(f"accepted: {write}")
