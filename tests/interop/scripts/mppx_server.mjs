// A paid server made with mppx: one route for each way of charging. Prints its address as one JSON line.
import { createServer } from 'node:http'
import { Mppx, Request as NodeRequest, Store, tempo } from 'mppx/server'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, RECIPIENT, TOKEN, SPONSOR_KEY, SPLIT_TO } = process.env
const client = createClient({ chain: { ...tempoLocalnet, id: Number(process.env.CHAIN_ID) }, transport: http(RPC_URL), pollingInterval: 50 })
const charge = tempo.charge({
  chainId: Number(process.env.CHAIN_ID),
  currency: TOKEN,
  recipient: RECIPIENT,
  getClient: () => client,
  feePayer: privateKeyToAccount(SPONSOR_KEY),
  feeToken: TOKEN,
  store: Store.memory(),
})
const mppx = Mppx.create({ methods: [charge], realm: '127.0.0.1', secretKey: 'interop-secret-interop-secret-interop-secret' })

const options = {
  '/charge': { amount: '0.01', feePayer: false },
  '/sponsored': { amount: '0.02', feePayer: true },
  '/split': { amount: '0.03', feePayer: false, splits: [{ amount: '0.01', recipient: SPLIT_TO }] },
  '/push-only': { amount: '0.01', feePayer: false, supportedModes: ['push'] },
  '/pull-only': { amount: '0.01', feePayer: false, supportedModes: ['pull'] },
  '/zero': { amount: '0', feePayer: false },
}

async function answer(request) {
  const option = options[new URL(request.url).pathname]
  if (!option) return new Response('not found', { status: 404 })
  const result = await mppx.charge(option)(request)
  if (result.status === 402) return result.challenge
  return result.withReceipt(Response.json({ paid: new URL(request.url).pathname }))
}

const server = createServer(NodeRequest.toNodeListener(answer))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })))
