// Walks an account through supabase-js's Auth client and prints what it saw as one JSON object.
// Usage: node auth.mjs AUTH_URL ADDRESS PASSWORD
import { createHmac } from 'node:crypto'
import { AuthClient } from '@supabase/auth-js'

const [url, email, password] = process.argv.slice(2)
const client = () => new AuthClient({ url, autoRefreshToken: false, persistSession: false, detectSessionInUrl: false })
const seen = {}

function must({ data, error }) {
  if (error) throw error
  return data
}

// What an authenticator app shows (RFC 6238): six digits of the HMAC of the half minute.
function code(secret) {
  const bits = [...secret].map(letter => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map(byte => parseInt(byte, 2)))
  const moment = Buffer.alloc(8)
  moment.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)))
  const digest = createHmac('sha1', key).update(moment).digest()
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff
  return String(number % 1e6).padStart(6, '0')
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

const factor = must(await phone.mfa.enroll({ factorType: 'totp', friendlyName: 'telephone' }))
seen.picture = factor.totp.qr_code.startsWith('data:image/svg+xml;utf-8,<?xml')
must(await phone.mfa.challengeAndVerify({ factorId: factor.id, code: code(factor.totp.secret) }))
const again = client()
must(await again.signInWithPassword({ email, password }))
const levels = async () => {
  const { currentLevel, nextLevel } = must(await again.mfa.getAuthenticatorAssuranceLevel())
  return [currentLevel, nextLevel]
}
seen.levels = [await levels()]
seen.factors = must(await again.mfa.listFactors()).totp.map(({ friendly_name, status }) => [friendly_name, status])
seen.removed = [(await again.mfa.unenroll({ factorId: factor.id })).error.code]
const challenge = must(await again.mfa.challenge({ factorId: factor.id }))
must(await again.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: code(factor.totp.secret) }))
seen.levels.push(await levels())
seen.removed.push(must(await again.mfa.unenroll({ factorId: factor.id })).id === factor.id)

await phone.signOut()
seen.left = must(await phone.getSession()).session
console.log(JSON.stringify(seen))
