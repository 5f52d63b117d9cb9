// A server made with mppx that charges over channels: /session by our fee, /sponsored by its own, /words by the word of
// a stream. Prints its address.
import { createServer } from 'node:http'
import { Mppx, Request as NodeRequest, Store, tempo } from 'mppx/server'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, TOKEN, SPONSOR_KEY, CHAIN_ID } = process.env
const account = privateKeyToAccount(SPONSOR_KEY)
const chain = { ...tempoLocalnet, id: Number(CHAIN_ID), feeToken: TOKEN }
const client = createClient({ account, chain, transport: http(RPC_URL), pollingInterval: 50 })
const made = (feePayer, amount, sse = false, unitType = 'request') => {
  const session = tempo.session({
    account, currency: TOKEN, chainId: Number(CHAIN_ID), feePayer, feeToken: TOKEN, getClient: () => client,
    store: Store.memory(), suggestedDeposit: '0.005', ...(sse ? { sse } : {}),
  })
  const mppx = Mppx.create({ methods: [session], realm: '127.0.0.1', secretKey: 'interop-secret-interop-secret-interop-secret' })
  return (request) => mppx.session({ amount, unitType })(request)
}
const routes = { '/session': made(false, '0.001'), '/sponsored': made(account, '0.002'), '/words': made(false, '0.001', true, 'word') }

async function answer(request) {
  const route = routes[new URL(request.url).pathname]
  if (!route) return new Response('not found', { status: 404 })
  const result = await route(request)
  if (result.status === 402) return result.challenge
  const url = new URL(request.url)
  const count = Number(url.searchParams.get('count') ?? 4)
  if (url.pathname === '/words') {
    return result.withReceipt(async function* (stream) {
      for (let i = 0; i < count; i++) {
        await stream.charge()
        yield `word ${i}`
      }
    })
  }
  return result.withReceipt(Response.json({ paid: new URL(request.url).pathname }))
}

const server = createServer(NodeRequest.toNodeListener(answer))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })))
