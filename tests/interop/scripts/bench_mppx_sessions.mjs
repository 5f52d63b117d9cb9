// A server made with mppx that charges over channels and keeps them in memory: /goods by the request, /words by the
// word. Prints its address.
import { createServer } from 'node:http'
import { Mppx, Request as NodeRequest, Store, tempo } from 'mppx/server'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, TOKEN, SPONSOR_KEY, CHAIN_ID } = process.env
const account = privateKeyToAccount(SPONSOR_KEY)
const chain = { ...tempoLocalnet, id: Number(CHAIN_ID), feeToken: TOKEN }
const client = createClient({ account, chain, transport: http(RPC_URL), pollingInterval: 50 })
const made = (sse, unitType) => {
  const session = tempo.session({
    account, currency: TOKEN, chainId: Number(CHAIN_ID), feeToken: TOKEN, getClient: () => client,
    store: Store.memory(), suggestedDeposit: '0.005', ...(sse ? { sse: true } : {}),
  })
  const mppx = Mppx.create({ methods: [session], realm: '127.0.0.1', secretKey: 'interop-secret-interop-secret-interop-secret' })
  return (request) => mppx.session({ amount: '0.0001', unitType })(request)
}
const goods = made(false, 'request')
const words = made(true, 'word')

async function answer(request) {
  const url = new URL(request.url)
  if (url.pathname === '/goods') {
    const result = await goods(request)
    return result.status === 402 ? result.challenge : result.withReceipt(new Response('goods'))
  }
  const result = await words(request)
  if (result.status === 402) return result.challenge
  const count = Number(url.searchParams.get('count') ?? 10)
  return result.withReceipt(async function* (stream) {
    for (let i = 0; i < count; i++) {
      await stream.charge()
      yield `word ${i}`
    }
  })
}

const server = createServer(NodeRequest.toNodeListener(answer))
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })))
