// A server made with the newest mppx that charges by sessions of version 1: /session by the payer's fee, /sponsored by
// its own, which another account than the payee has to pay.
import { createServer } from 'node:http'
import { Mppx, Request as NodeRequest, Store, tempo } from 'mppx-v1/server'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, TOKEN, SPONSOR_KEY, PRIVATE_KEY, CHAIN_ID, ESCROW } = process.env
const account = privateKeyToAccount(SPONSOR_KEY)
const chain = { ...tempoLocalnet, id: Number(CHAIN_ID), feeToken: TOKEN }
const client = createClient({ account, chain, transport: http(RPC_URL), pollingInterval: 50 })
const made = (feePayer, amount) => {
  const session = tempo.sessionLegacy({
    account, currency: TOKEN, chainId: Number(CHAIN_ID), escrowContract: ESCROW, getClient: () => client,
    ...(feePayer ? { feePayer: privateKeyToAccount(PRIVATE_KEY) } : {}), store: Store.memory(), suggestedDeposit: '0.005',
  })
  const mppx = Mppx.create({ methods: [session], realm: '127.0.0.1', secretKey: 'interop-secret-interop-secret-interop-secret' })
  return (request) => mppx.session({ amount, unitType: 'request' })(request)
}
const routes = { '/session': made(false, '0.001'), '/sponsored': made(true, '0.002') }

async function answer(request) {
  const route = routes[new URL(request.url).pathname]
  if (!route) return new Response('not found', { status: 404 })
  const result = await route(request)
  if (result.status === 402) return result.challenge
  return result.withReceipt(Response.json({ paid: new URL(request.url).pathname }))
}

const server = createServer(NodeRequest.toNodeListener(answer))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })))
