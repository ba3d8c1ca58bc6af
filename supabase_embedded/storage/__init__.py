"""A local Storage server that speaks as Supabase Storage does to supabase-js, storage3 and curl.

Ours, because what npm has does not fit here: `@supabase/lite` 0.10 is 148 MB of packages with SQLite, PGlite and an
error reporter among them, knows no ES256 tokens, and the package as published gives no access to its file adapter.
Not here: image transformations, resumable uploads, the S3 protocol and webhooks.

Row-level security decides as it does hosted: what a request may do is tried in a transaction with its role and claims.
"""
