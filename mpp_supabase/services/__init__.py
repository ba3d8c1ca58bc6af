"""What can be asked of a project, noun by noun: each module is one attribute of `mpp_supabase.MPP`."""
