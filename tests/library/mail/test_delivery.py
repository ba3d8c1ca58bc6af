"""Nothing is delivered twice and nothing is lost: by the log of a server that fails, and with the sender killed."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpp_supabase import MailSender, settle_stranded_mails
from mpp_supabase.mail import composing
from mpp_supabase.mail.evidence import DeliveredFile, Nobody
from tests.support.fickle import TROUBLES, FickleServer, at_random
from tests.support.waiting import LIMIT, join, wait_until

from .conftest import MARK, Office, invitation

Start = Callable[..., FickleServer]


def once_each(server: FickleServer, addresses: set[str]) -> None:
    """By the server's log, every one of these got one mail, and nobody else any."""
    got = Counter(mail.recipient for mail in server.taken)
    assert {a: n for a, n in got.items() if n > 1} == {}, "delivered twice"
    assert addresses - set(got) == set(), "lost"
    assert set(got) - addresses == set(), "to somebody else"
    assert len({mail.message_id for mail in server.taken}) == len(server.taken)
    assert sum(line.startswith("delivered") for line in server.log.read_text().splitlines()) == len(addresses)


def quiet(server: FickleServer) -> None:
    """Wait until the server is done with whatever it has of a sender that is gone."""
    wait_until(lambda: not server.open)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_mails_through_a_server_that_fails_at_random(office: Office, server: Start, seed: int) -> None:
    smtp = server(at_random(seed, share=0.5))
    readers = {address for _, address in office.subscribers(100)}
    unsubscribed = {address for _, address in office.subscribers(10, granted=False)}
    gone = {address for _, address in office.subscribers(3)}
    smtp.gone = gone
    queued, _ = office.mpp.mails.queue_newsletter("essai", "fr", "Un essai", "Bonjour à vous.")
    assert queued == 103
    for _ in range(40):
        sender = MailSender(office.mpp.mails, office.through(smtp.port), retry_delay=lambda _: 0)
        sender.run()
        quiet(smtp)
        office.time_passes()
        settle_stranded_mails(office.mpp.mails, DeliveredFile(smtp.log, complete=True))
        if set(office.states().values()) <= {"sent", "failed", "dropped"}:
            break
    once_each(smtp, readers)
    assert Counter(office.states().values()) == {"sent": 100, "failed": 3}
    assert {b.address for b in office.mpp.mails.bounces() if b.is_hard} == gone
    assert unsubscribed.isdisjoint(mail.recipient for mail in smtp.taken)
    assert set(smtp.met) == set(TROUBLES), "the server was not fickle enough"


def test_a_hundred_mails_with_the_sender_killed_midway(office: Office, server: Start) -> None:
    """SIGKILL at every step of the conversation, and three times at any moment, beside the server's own failures."""
    kills = {10: "kill_early", 20: "kill_at_data", 30: "kill_unkept", 40: "kill_kept", 50: "kill_slow", 60: "kill_kept"}
    trouble, moments, attempts = at_random(3, share=0.2), random.Random(4), 0
    killing: list[threading.Timer] = []

    def plan(recipient: str) -> str | None:
        nonlocal attempts
        attempts += 1
        # On a busy machine the next mail may come before the timer: one kill at a time.
        join(*killing)
        if attempts in (15, 45, 70):
            killing.append(threading.Timer(moments.random() / 50, lambda: smtp.kill()))
            killing[-1].start()
            return None
        return kills.pop(attempts, None) or trouble(recipient)

    smtp = server(plan)
    readers = {address for _, address in office.subscribers(90)}
    unsubscribed = {address for _, address in office.subscribers(5, granted=False)}
    office.mpp.mails.queue_newsletter("essai", "fr", "Un essai", "Bonjour à vous.")
    readers |= set(office.queue_invitations(10).values())
    environment = office.smtp_environment(smtp.port)
    killed, uncertain_at_kill, settled = 0, Counter[str](), Counter[str]()
    for _ in range(60):
        office.time_passes()
        stranded = {mail.key: mail for mail in office.mpp.mails.stranded()}
        before = {mail.message_id for mail in smtp.taken}
        process = office.command("mail", "send", "--delivered", smtp.log, "--complete", **environment)
        smtp.kill = process.kill
        output, _ = process.communicate(timeout=LIMIT)
        smtp.kill = lambda: None
        assert process.returncode in (0, -9), output
        for key, mail in stranded.items():
            # Settled by rule at the start of this run: as sent where the log has it, else queued again.
            verdict = "sent" if mail.message_id in before else "queued"
            settled[verdict] += 1
            assert f"{key}: {verdict}" in output, output
        quiet(smtp)
        if process.returncode == -9:
            killed += 1
            in_hand = [key for key, state in office.states().items() if state == "sending"]
            uncertain_at_kill[len(in_hand)] += 1
        elif set(office.states().values()) == {"sent"}:
            break
    once_each(smtp, readers)
    assert unsubscribed.isdisjoint(mail.recipient for mail in smtp.taken)
    assert killed == 9
    assert set(uncertain_at_kill) <= {0, 1}, "a kill leaves one mail in question at most"
    assert uncertain_at_kill[1] >= 6
    assert settled["sent"] >= 3
    assert settled["queued"] >= 3


def test_a_mail_that_is_not_fit_to_leave_fails_and_the_next_one_leaves(
    office: Office, server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = server()
    mails = [invitation(f"k{n}", f"p{n}@{MARK}") for n in range(3)]
    mails[1]["data"]["league"] = "Le trou"
    office.mpp.mails.queue(mails)
    # As if the encoding of headers had a hole again.
    whole = composing.encoded
    monkeypatch.setattr(
        composing, "encoded", lambda text: "x\r\nBcc: everybody@example.org" if "Le trou" in text else whole(text)
    )
    run = MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert run.outcomes == {"sent": 2, "refused": 1}
    assert office.states() == {"k0": "sent", "k1": "failed", "k2": "sent"}
    assert "not fit to leave" in str(office.mpp.mails.get("k1").reply)
    assert {mail.recipient for mail in smtp.taken} == {f"p0@{MARK}", f"p2@{MARK}"}


def test_where_nobody_can_tell_a_mail_waits_for_a_person_and_is_never_sent_by_itself(
    office: Office, server: Start
) -> None:
    smtp = server({f"p0@{MARK}": "drop_kept", f"p1@{MARK}": "drop_unkept"}.get)
    keys = list(office.queue_invitations(2))
    for _ in range(3):
        MailSender(office.mpp.mails, office.through(smtp.port)).run()
        office.time_passes()
        settle_stranded_mails(office.mpp.mails, Nobody())
    assert office.states() == dict.fromkeys(keys, "uncertain")
    smtp.plan = lambda _: None
    # A person looked, and says: the first one arrived, the second one did not.
    process = office.command("mail", "settle", keys[0], "--as", "sent", **office.smtp_environment(smtp.port))
    assert process.wait(LIMIT) == 0, process.communicate()
    process.communicate()
    refused = office.command("mail", "settle", keys[1], "--as", "again", **office.smtp_environment(smtp.port))
    assert "twice" in refused.communicate(timeout=LIMIT)[0]
    agreed = office.command("mail", "settle", keys[1], "--as", "again", "--yes", **office.smtp_environment(smtp.port))
    agreed.communicate(timeout=LIMIT)
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    assert office.states() == dict.fromkeys(keys, "sent")
    once_each(smtp, {f"p0@{MARK}", f"p1@{MARK}"})


def test_a_log_that_may_be_cut_off_proves_a_delivery_and_no_absence(office: Office, server: Start) -> None:
    smtp = server({f"p0@{MARK}": "drop_kept", f"p1@{MARK}": "drop_unkept"}.get)
    kept, unkept = office.queue_invitations(2)
    MailSender(office.mpp.mails, office.through(smtp.port)).run()
    office.time_passes()
    settle_stranded_mails(office.mpp.mails, DeliveredFile(smtp.log, complete=False))
    assert office.states() == {kept: "sent", unkept: "uncertain"}


def test_four_senders_at_once_share_the_mails_and_none_goes_twice(office: Office, server: Start) -> None:
    smtp = server()
    addresses = set(office.queue_invitations(60).values())

    def run(_: int) -> int:
        from mpp_supabase import MPP

        with MPP.connect(office.settings) as mpp:
            return MailSender(mpp.mails, office.through(smtp.port)).run().total

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(run, range(4)))
    assert sum(shares) == 60
    once_each(smtp, addresses)


def test_an_answer_that_comes_too_late_is_not_taken_for_a_no(
    office: Office, server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = server(lambda _: "late")
    smtp.answer_late.clear()
    # As if it were five minutes.
    monkeypatch.setattr("mpp_supabase.mail.courier.CONTENT_SECONDS", 1.0)
    (key,) = office.queue_invitations(1)
    run = MailSender(office.mpp.mails, office.through(smtp.port)).run()
    smtp.answer_late.set()
    assert run.outcomes == {"unknown": 1}
    assert office.states() == {key: "uncertain"}
    # The claim goes on for as long again, so that the server is done when it is asked.
    assert office.mpp.mails.stranded() == []
    quiet(smtp)
    office.time_passes()
    settle_stranded_mails(office.mpp.mails, DeliveredFile(smtp.log, complete=True))
    # A server so busy that it had not read the mail by then never took it.
    assert office.states() == {key: "sent" if smtp.taken else "queued"}
    assert len(smtp.taken) <= 1
