/** The session of somebody who signed in to another page of the same site, as supabase-js keeps it. */

interface Kept {
  access_token?: unknown;
  expires_at?: unknown;
}

/** The token of whoever is signed in on this site, or null. It is read only: who signs in and renews it is the other page. */
export function session(): string | null {
  for (const name of names()) {
    if (!/^sb-.+-auth-token$/.test(name)) continue;
    try {
      const kept = JSON.parse(localStorage.getItem(name) ?? "null") as Kept | null;
      if (typeof kept?.access_token === "string" && typeof kept.expires_at === "number" && kept.expires_at * 1000 > Date.now())
        return kept.access_token;
    } catch {
      // Not what supabase-js writes: nobody is signed in.
    }
  }
  return null;
}

function names(): string[] {
  try {
    return Object.keys(localStorage);
  } catch {
    // A browser may forbid it.
    return [];
  }
}
