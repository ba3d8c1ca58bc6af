"""Postgres as a child of ours: any of 15 to 18, with the roles of a hosted Supabase project."""

from .server import PostgresServer, ServerUser

__all__ = ["PostgresServer", "ServerUser"]
