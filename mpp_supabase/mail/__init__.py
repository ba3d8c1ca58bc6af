"""Mails: the outbox of the database, what a mail says, and sending it once.

The modules, in the order a mail meets them: `outbox` (queue, claim, settle: the database decides), `letters` and
`wording` (what it says), `composing` (the message), `courier` (one SMTP conversation and what it proves), `sending`
(the loop), `evidence` (who can tell what became of a mail whose sender died). `settings` says which server.
"""
