// Pays one URL with the mppx SDK. MODE is push, pull or empty. Prints {status, receipt, body} as one JSON line,
// or pays it COUNT times one after the other and prints {rate} in payments a second.
import { Mppx, tempo } from 'mppx/client'
import { Receipt } from 'mppx'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, PRIVATE_KEY, MODE, TARGET, METHOD, BODY } = process.env
const account = privateKeyToAccount(PRIVATE_KEY)
const client = createClient({ account, chain: { ...tempoLocalnet, id: Number(process.env.CHAIN_ID) }, transport: http(RPC_URL), pollingInterval: 50 })
const mppx = Mppx.create({
  polyfill: false,
  methods: [tempo.charge({ account, getClient: () => client, ...(MODE ? { mode: MODE } : {}) })],
})
const init = BODY ? { method: METHOD ?? 'POST', body: BODY, headers: { 'content-type': 'application/json' } } : { method: METHOD ?? 'GET' }
const count = Number(process.env.COUNT ?? 0)
if (count) {
  await mppx.fetch(TARGET, init)
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const response = await mppx.fetch(TARGET, init)
    if (response.status !== 200) throw new Error(await response.text())
    await response.arrayBuffer()
  }
  console.log(JSON.stringify({ rate: (count / (performance.now() - start)) * 1000 }))
} else {
  const response = await mppx.fetch(TARGET, init)
  const header = response.headers.get('payment-receipt')
  const receipt = header ? Receipt.deserialize(header) : null
  console.log(JSON.stringify({ status: response.status, receipt, body: await response.text() }))
}
