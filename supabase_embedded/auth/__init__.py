"""A small Auth server for the local stack.

It speaks the HTTP of Supabase Auth for what `supabase_auth` and supabase-js call: accounts with e-mail and password,
anonymous accounts, one-time codes and links, sessions with rotating refresh tokens, second factors by authenticator
app, the admin endpoints, JWKS and the custom-access-token hook. It keeps its data in the same `auth` tables. Run it
with `python -m supabase_embedded.auth`.

It is for local use only: a deployed project uses Supabase Auth itself, and the tests in `tests/embedded/auth` run
against both.
Third-party sign-in, phones, SSO and passkeys are not here.
"""
