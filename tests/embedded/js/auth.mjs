// Walks an account through supabase-js's Auth client and prints what it saw as one JSON object.
// Usage: node auth.mjs AUTH_URL ADDRESS PASSWORD
import { AuthClient } from '@supabase/auth-js'

const [url, email, password] = process.argv.slice(2)
const client = () => new AuthClient({ url, autoRefreshToken: false, persistSession: false, detectSessionInUrl: false })
const seen = {}

function must({ data, error }) {
  if (error) throw error
  return data
}

const phone = client()
const signedUp = must(await phone.signUp({ email, password, options: { data: { alias: 'ada' } } }))
seen.id = signedUp.user.id
seen.alias = signedUp.user.user_metadata.alias

const claims = must(await phone.getClaims())
seen.claims = { sub: claims.claims.sub, role: claims.claims.role, alg: claims.header.alg }

const refreshed = must(await phone.refreshSession())
seen.rotated = refreshed.session.refresh_token !== signedUp.session.refresh_token

seen.updated = must(await phone.updateUser({ data: { alias: 'grace' } })).user.user_metadata.alias

const wrong = await client().signInWithPassword({ email, password: 'not the password' })
seen.wrong = { code: wrong.error.code, status: wrong.error.status }
const weak = await client().signUp({ email: `weak-${email}`, password: 'short' })
seen.weak = { code: weak.error.code, reasons: weak.error.reasons }

const second = client()
seen.same = must(await second.signInWithPassword({ email, password })).user.id === seen.id
await phone.signOut({ scope: 'others' })
seen.other = (await second.getUser(must(await second.getSession()).session.access_token)).error.name

const anonymous = client()
seen.anonymous = must(await anonymous.signInAnonymously()).user.is_anonymous
const linked = must(await anonymous.updateUser({ email: `linked-${email}`, password }))
seen.linked = { email: linked.user.email, anonymous: linked.user.is_anonymous }

seen.otp = (await client().signInWithOtp({ email: `nobody-${email}`, options: { shouldCreateUser: false } })).error.code
must(await phone.resetPasswordForEmail(email))

await phone.signOut()
seen.left = must(await phone.getSession()).session
console.log(JSON.stringify(seen))
