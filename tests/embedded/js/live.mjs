// Private broadcast through supabase-js. Prints "joined", waits for one message, then prints as JSON what was seen.
import { createClient } from '@supabase/supabase-js'

const { url, key, secret, token, stranger, topic } = JSON.parse(process.argv[2])
const quiet = { auth: { persistSession: false, autoRefreshToken: false } }
const clients = []
async function client(key, token) {
  const made = createClient(url, key, token ? { ...quiet, accessToken: async () => token } : quiet)
  clients.push(made)
  // Before the first private channel, as Supabase's guide says: a join sends the token that is there.
  await made.realtime.setAuth()
  return made
}

// The first state of a subscription, and what the server said.
const joined = (channel) =>
  new Promise((resolve) => channel.subscribe((state, error) => resolve([state, /Unauthorized|PrivateOnly/.test(error)])))

const seen = { heard: [], replayed: [] }
const member = await client(key, token)
const channel = member.channel(topic, { config: { private: true, broadcast: { ack: true } } })
const heard = new Promise((resolve) =>
  channel.on('broadcast', { event: 'news' }, ({ payload }) => {
    seen.heard.push(payload.n)
    resolve()
  })
)
await joined(channel)
console.log('joined')
await heard
seen.sent = await channel.send({ type: 'broadcast', event: 'news', payload: { n: 0 } })

const late = (await client(key, token)).channel(topic, { config: { private: true, broadcast: { replay: { since: 1, limit: 5 } } } })
const again = new Promise((resolve) =>
  late.on('broadcast', { event: 'news' }, ({ payload, meta }) => {
    if (meta.replayed) seen.replayed.push(payload.n)
    resolve()
  })
)
await joined(late)
await again

const privately = { config: { private: true } }
seen.stranger = await joined((await client(key, stranger)).channel(topic, privately))
seen.visitor = await joined((await client(key)).channel(topic, privately))
seen.public = await joined((await client(key, token)).channel(topic))
seen.desk = (await joined((await client(secret)).channel(topic, privately)))[0]
console.log(JSON.stringify(seen))
for (const made of clients) await made.removeAllChannels()
process.exit(0)
