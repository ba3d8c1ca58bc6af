"""One port in front of the services, with the paths, keys and refusals of hosted Supabase."""
