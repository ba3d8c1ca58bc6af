// What phones do and are refused, through supabase-js with the publishable key. Prints what it saw as one JSON object.
// Usage: node phone_path.mjs SCENARIO '{"url": …, "key": …, …}', where SCENARIO is play, school or maintenance.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createClient } from '@supabase/supabase-js'

const [scenario, given] = process.argv.slice(2)
const { url, key, word, playing, late, planned, school } = JSON.parse(given)
const seen = {}

// How docs/errors.md sends what has a request key.
const [, example] = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8').match(/```js\n(.*?)```/s)
const send = new Function(`${example}; return send`)()

class Phone {
  constructor() {
    const auth = { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false }
    // Node 20 has no WebSocket; these phones open none.
    const realtime = { transport: globalThis.WebSocket ?? class {} }
    this.client = createClient(url, key, { db: { schema: 'api' }, auth, realtime })
  }

  async signUp() {
    must(await this.client.auth.signUp({ email: `${randomUUID()}@example.org`, password: 'correct horse battery' }))
    return this
  }

  async register(alias) {
    await this.signUp()
    const [terms] = await this.rows('terms_versions', { is_current: true })
    await this.rpc('register', {
      first_name: 'Ana', last_name: 'Belin', alias, country: 'FR', postcode: '75011',
      birth_date: '1990-06-15', terms_version: terms.version,
    })
    return this
  }

  async rpc(name, args = {}) {
    return must(await this.client.rpc(name, args))
  }

  async sent(name, args) {
    return must(await send(this.client, name, args, 10))
  }

  async rows(view, equal = {}) {
    return must(await this.client.from(view).select().match(equal))
  }

  // The code of a refusal, which has a sentence, and no details but times and the faults of a list as JSON.
  async refused(name, args = {}) {
    const { data, error } = await this.client.rpc(name, args)
    if (!error) throw new Error(`${name} was not refused: ${JSON.stringify(data)}`)
    const { faults = [], ...times } = JSON.parse(error.details ?? '{}')
    const isTime = (time) => !Number.isNaN(Date.parse(time))
    const isFault = ({ row, fault }) => row > 0 && /^[a-z_]+$/.test(fault)
    if (!error.message || !Object.values(times).every(isTime) || !faults.every(isFault)) {
      throw new Error(`${name}: ${JSON.stringify(error)}`)
    }
    return error.code
  }

  validation(edition, name, request_key = randomUUID(), more = {}) {
    return { player_id: this.player, challenge_id: edition.challenges[name], request_key, ...more }
  }

  validate(edition, name, request_key, more) {
    return this.sent('validate_challenge', this.validation(edition, name, request_key, more))
  }

  cannot(edition, name, request_key) {
    return this.refused('validate_challenge', this.validation(edition, name, request_key))
  }
}

function must({ data, error }) {
  if (error) throw Object.assign(new Error(error.message), error)
  return data
}

const short = ({ state, points, player_points, team_points, league_points }) =>
  [state, points, player_points, team_points, league_points]

async function play() {
  const ana = await new Phone().register('ana')
  const league_id = await ana.rpc('create_league', { edition_id: playing.id, name: `League ${randomUUID().slice(0, 8)}` })
  const [league] = await ana.rows('my_leagues', { league_id })
  ;[{ player_id: ana.player }] = await ana.rows('my_players', { edition_id: playing.id })

  const bob = await new Phone().register('bob')
  seen.wrongCode = await bob.refused('join_league', { join_code: 'ABCDEFGHJK' })
  bob.player = await bob.rpc('join_league', { join_code: league.join_code.toLowerCase() })
  const [team] = await ana.rows('league_teams', { league_id })
  for (const phone of [ana, bob]) await phone.rpc('choose_team', { team_id: team.team_id })

  const bike = await ana.validate(playing, 'bike')
  seen.bike = short(bike)
  seen.alone = short(await ana.validate(playing, 'picnic'))
  seen.together = short(await bob.validate(playing, 'picnic'))
  seen.boost = short(await ana.validate(playing, 'boost'))
  seen.hiddenBefore = await ana.cannot(playing, 'hidden')
  seen.unlocked = (await ana.rpc('unlock_challenge', { edition_id: playing.id, word })).unlocked
  seen.hidden = short(await ana.validate(playing, 'hidden'))
  seen.flash = short(await ana.validate(playing, 'flash'))
  seen.malus = short(await bob.validate(playing, 'plane'))
  seen.proof = await ana.cannot(playing, 'photo')
  seen.proved = short(await ana.validate(playing, 'photo', undefined, { proof_sent: true }))
  seen.repeat = await ana.cannot(playing, 'bike')
  seen.wrongWindow = [await ana.cannot(playing, 'market'), await ana.cannot(playing, 'flash-over')]
  seen.tooEarly = await ana.cannot(playing, 'flash-soon')

  seen.cancelled = short(await ana.rpc('cancel_validation', { validation_id: bike.validation_id }))
  const request_key = randomUUID()
  const again = await ana.validate(playing, 'bike', request_key)
  seen.again = short(again)
  seen.sameKey = JSON.stringify(await ana.validate(playing, 'bike', request_key)) === JSON.stringify(again)
  seen.otherUse = await ana.cannot(playing, 'flash', request_key)

  const carol = await new Phone().register('carol')
  carol.player = await carol.rpc('join_league', { join_code: league.join_code })
  const dan = await new Phone().register('dan')
  seen.full = await dan.refused('join_league', { join_code: league.join_code })
  seen.late = await dan.refused('create_league', { edition_id: late.id, name: 'Too late' })
  await dan.rpc('create_league', { edition_id: planned.id, name: 'In time' })
  ;[{ player_id: dan.player }] = await dan.rows('my_players', { edition_id: planned.id })
  seen.notRunning = await dan.cannot(planned, 'bike')

  const before = must(await ana.client.auth.getSession()).session
  const after = must(await ana.client.auth.refreshSession()).session
  seen.refreshed = before.refresh_token !== after.refresh_token
  const around = await ana.rpc('my_rank', { edition_id: playing.id, scope: 'player', neighbours: 1 })
  seen.rank = around.map((row) => [row.rank, row.label, row.points, row.is_me])
  seen.members = (await carol.rows('league_members', { league_id })).map((row) => [row.alias, row.points]).sort()
  const latest = await carol.client.from('league_validations').select().order('validated_at', { ascending: false })
  seen.latest = must(latest).map((row) => [row.alias, row.points, row.state])

  await bob.rpc('set_listing', { scope: 'player', subject_id: bob.player, listed: false })
  const listed = await new Phone().rows('player_ranking', { edition_id: playing.id })
  seen.listed = listed.map((row) => [row.rank, row.label]).sort()
  seen.counted = (await new Phone().rows('edition_statistics', { edition_id: playing.id }))[0].players
  const [me] = await bob.rpc('my_rank', { edition_id: playing.id, neighbours: 0 })
  seen.stillSeesThemselves = [me.label, me.points, me.is_me]

  seen.others = [(await dan.rows('league_members', { league_id })).length, (await dan.rows('my_profile')).length]
  await ana.rpc('expel_player', { player_id: carol.player, reason: 'insults' })
  seen.expelled = [(await carol.rows('league_members')).length, await carol.cannot(playing, 'bike')]
  // The code that she knew is no more, and the new one does not let her in.
  const [renewed] = await ana.rows('my_leagues', { league_id })
  seen.backAgain = [
    await carol.refused('join_league', { join_code: league.join_code }),
    await carol.refused('join_league', { join_code: renewed.join_code }),
  ]
  seen.table = (await dan.client.from('validation').insert({ points: 100 })).status
  seen.schema = (await dan.client.schema('mpp').from('validation').select()).error.code

  const anonymous = new Phone()
  must(await anonymous.client.auth.signInAnonymously())
  seen.anonymousReads = (await anonymous.rows('challenges', { edition_id: playing.id })).length
  seen.anonymousWrites = await anonymous.refused('join_league', { join_code: league.join_code })
  seen.signedOut = await new Phone().refused('join_league', { join_code: league.join_code })
}

async function classroom() {
  const tess = await new Phone().signUp()
  const [terms] = await tess.rows('terms_versions', { is_current: true })
  const me = { first_name: 'Tess', last_name: 'Exemple', role: 'Enseignante', terms_version: terms.version }
  seen.notYet = await tess.refused('create_class', { edition_id: playing.id, school_id: school, name: 'CM2', level: 'college' })
  await tess.rpc('register_teacher', me)
  const class_id = await tess.rpc('create_class', {
    edition_id: playing.id, school_id: school, name: 'CM2', level: 'elementaire', teams: ['Verts', 'Bleus'],
  })
  await tess.rpc('add_pupils', { class_id, pupils: [{ first_name: 'Lina' }, { first_name: 'Tom' }, { first_name: 'Zoé' }] })
  seen.secondLina = await tess.refused('add_pupils', { class_id, pupils: [{ first_name: 'lina' }] })
  const pupils = async (phone) => Object.fromEntries((await phone.rows('league_members')).map((row) => [row.name, row]))
  const { Lina } = await pupils(tess)
  const two = [{ pupil_id: Lina.player_id, initial: 'B' }, { first_name: 'Lina', initial: 'M' }]
  seen.linas = (await tess.rpc('add_pupils', { class_id, pupils: two })).map((row) => row.name)

  const validate = (name, request_key, who = {}) => tess.sent('validate_for_pupils', {
    class_id, challenge_id: playing.challenges[name], request_key, ...who,
  })
  const request_key = randomUUID()
  const once = await Promise.all([1, 2, 3].map(() => validate('bike', request_key)))
  seen.once = [once[0].length, new Set(once.map((rows) => JSON.stringify(rows))).size]
  const [tom] = await validate('picnic', randomUUID(), { pupil_ids: [(await pupils(tess)).Tom.player_id] })
  seen.pending = tom.state
  const [taken] = await tess.rpc('cancel_for_pupils', { class_id, validation_ids: [once[0][0].validation_id] })
  seen.taken = taken.state

  const parent = new Phone()
  must(await parent.client.auth.signInAnonymously())
  seen.before = (await parent.rows('my_classes')).length
  const wrong = await parent.rpc('claim_class', { code: 'AAAAAAAAAA' })
  seen.wrong = [wrong.claimed, wrong.guesses_left]
  const [{ class_code }] = await tess.rows('my_classes')
  seen.claimed = (await parent.rpc('claim_class', { code: class_code.toLowerCase() })).claimed
  const [row] = await parent.rows('my_classes')
  seen.row = [row.name, row.pupils, row.points, row.is_teacher, row.class_code]
  seen.members = Object.values(await pupils(parent)).map((pupil) => [pupil.name, pupil.points]).sort()
  seen.latest = must(await parent.client.from('league_validations').select('name,challenge_code,state').eq('state', 'pending'))
    .map((done) => [done.name, done.state])
  seen.familyWrites = [
    await parent.refused('validate_for_pupils', { class_id, challenge_id: playing.challenges.bike, request_key: randomUUID() }),
    await parent.refused('add_pupils', { class_id, pupils: [{ first_name: 'Intrus' }] }),
    (await parent.client.from('league_members').update({ name: 'Intrus' }).eq('league_id', class_id)).error.code,
  ]

  const colleague = await new Phone().signUp()
  await colleague.rpc('register_teacher', { ...me, last_name: 'Collègue' })
  seen.stranger = [(await colleague.rows('league_members')).length, await colleague.refused('renew_class_code', { class_id })]
  const code = await tess.rpc('invite_co_teacher', { class_id })
  seen.accepted = (await colleague.rpc('accept_class', { code })) === class_id
  seen.usedUp = await colleague.refused('accept_class', { code: 'AAAAAAAAAA' })
  const teachers = await tess.rpc('class_teachers', { class_id })
  seen.teachers = teachers.map((one) => [one.last_name, one.is_principal, one.is_me])
  await tess.rpc('remove_co_teacher', { class_id, teacher_id: teachers[1].teacher_id })
  seen.removed = [(await colleague.rows('my_classes')).length, await colleague.refused('renew_class_code', { class_id })]

  await tess.rpc('renew_class_code', { class_id })
  seen.out = (await parent.rows('league_members')).length
  must(await parent.client.auth.refreshSession())
  seen.stillOut = (await parent.rows('league_members')).length
  const [line] = await new Phone().rows('class_ranking', { edition_id: playing.id })
  seen.ranked = [line.rank, line.label, line.points, line.players]
}

async function maintenance() {
  const phone = await new Phone().signUp()
  const { error } = await phone.client.rpc('join_league', { join_code: 'ABCDEFGHJK' })
  seen.code = error.code
  seen.message = error.message
  seen.windows = (await phone.rows('maintenance_windows', { is_active: true })).length
}

await { play, school: classroom, maintenance }[scenario]()
console.log(JSON.stringify(seen))
