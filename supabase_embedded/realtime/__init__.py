"""Realtime: private broadcast from the database, in the protocol of the official clients.

Messages are rows of `realtime.messages`, which `realtime.send` writes. Who may read them decides row-level security,
asked with the caller's role and claims. Presence, broadcast between clients and changes of tables are refused.
"""
