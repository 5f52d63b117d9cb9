// Speed of mppx's own engine: challenges issued and credentials verified a second, the rail's part answered at once.
import { Credential, Challenge, Method } from 'mppx'
import { Mppx } from 'mppx/server'
import * as schema from 'zod/mini'

const method = Method.from({
  name: 'tempo',
  intent: 'charge',
  schema: {
    credential: { payload: schema.object({ type: schema.literal('hash'), hash: schema.string() }) },
    request: schema.object({ amount: schema.string(), currency: schema.string(), recipient: schema.string() }),
  },
})
const server = Method.toServer(method, {
  async verify() {
    return { method: 'tempo', status: 'success', timestamp: '2026-01-01T00:00:00Z', reference: '0x01' }
  },
})
const mppx = Mppx.create({ methods: [server], realm: 'api.example.com', secretKey: 'bench-secret-bench-secret-bench-secret-bench' })
const price = { amount: '10000', currency: '0x20c0000000000000000000000000000000000000', recipient: '0x742d35Cc6634C0532925a3b844bC9e7595F8fE00' }
const handle = mppx.charge(price)
const url = 'http://api.example.com/data'
const count = Number(process.env.COUNT ?? 3000)
const payload = { type: 'hash', hash: '0x' + '11'.repeat(32) }

async function issue() {
  return (await handle(new Request(url))).challenge
}
for (let i = 0; i < 300; i++) await issue()

let start = performance.now()
const answers = []
for (let i = 0; i < count; i++) answers.push(await issue())
const issued = (count / (performance.now() - start)) * 1000

const requests = answers.map((answer) => {
  const challenge = Challenge.fromResponse(answer)
  return new Request(url, { headers: { authorization: Credential.serialize(Credential.from({ challenge, payload })) } })
})
start = performance.now()
for (const request of requests) {
  const result = await handle(request)
  if (result.status !== 200) throw new Error('not verified')
}
const verified = (count / (performance.now() - start)) * 1000
console.log(JSON.stringify({ issued, verified }))
