// The kit of a client through supabase-js; prints as JSON what an owner of client A saw.
import { createClient } from '@supabase/supabase-js'

const { url, key, secret, token, a, b } = JSON.parse(process.argv[2])
// Node 20 has no WebSocket; nothing here opens one.
const realtime = { transport: globalThis.WebSocket ?? class {} }
const quiet = { auth: { persistSession: false, autoRefreshToken: false }, realtime }
const mine = createClient(url, key, { ...quiet, accessToken: async () => token })
const desk = createClient(url, secret, quiet)
const kit = mine.storage.from('client-files')
const all = desk.storage.from('client-files')

function given({ data, error }) {
  if (error) throw error
  return data
}
const text = async (answer) => await given(answer).text()
const png = { contentType: 'image/png' }
const blob = (content) => new Blob([content], { type: 'image/png' })

const seen = {}
seen.listed = given(await kit.list(String(a))).map((file) => file.name)
seen.downloaded = await text(await kit.download(`${a}/poster.pdf`))
seen.uploaded = given(await kit.upload(`${a}/own/blob.png`, blob('image'))).path
seen.buffer = given(await kit.upload(`${a}/own/buffer.png`, Buffer.from('bytes'), png)).path
seen.taken = (await kit.upload(`${a}/own/blob.png`, blob('again'))).error.message
given(await kit.upload(`${a}/own/blob.png`, blob('image'), { upsert: true }))
given(await kit.update(`${a}/own/blob.png`, blob('again')))
seen.replaced = await text(await kit.download(`${a}/own/blob.png`))
seen.exists = [(await kit.exists(`${a}/own/blob.png`)).data, (await kit.exists(`${b}/poster.pdf`)).data]
seen.size = given(await kit.info(`${a}/own/blob.png`)).size
seen.moved = given(await kit.move(`${a}/own/blob.png`, `${a}/own/moved.png`)).message
seen.copied = given(await kit.copy(`${a}/own/moved.png`, `${a}/own/copy.png`)).path
seen.removed = given(await kit.remove([`${a}/own/copy.png`, `${a}/own/moved.png`, `${b}/poster.pdf`]))
  .map((file) => file.name)
  .sort()
seen.theirs = [
  (await kit.info(`${b}/poster.pdf`)).error.message,
  given(await kit.list(String(b))).length,
  given(await kit.remove([`${b}/poster.pdf`])),
  (await kit.upload(`${b}/own/blob.png`, blob('image'))).error.message,
  (await kit.copy(`${b}/poster.pdf`, `${a}/own/theirs.pdf`)).error.message,
]
seen.link = (await kit.createSignedUrl(`${a}/poster.pdf`, 60)).error.message
const link = given(await all.createSignedUrl(`${a}/poster.pdf`, 60)).signedUrl
seen.linkOfDesk = await (await fetch(link)).text()
const upload = given(await all.createSignedUploadUrl(`${a}/own/link.png`))
given(await kit.uploadToSignedUrl(upload.path, upload.token, blob('by link')))
seen.sentByLink = await text(await kit.download(`${a}/own/link.png`))
seen.buckets = [
  given(await mine.storage.listBuckets()).map((bucket) => bucket.name),
  given(await desk.storage.listBuckets()).map((bucket) => bucket.name),
]
console.log(JSON.stringify(seen))
