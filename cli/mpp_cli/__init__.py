"""The command line of Ma Petite Planète's staff: `mpp NOUN VERB`. Thin: the work is done by mpp_supabase."""
