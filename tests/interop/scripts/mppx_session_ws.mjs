// Reads COUNT words over a WebSocket of TARGET (http) with the mppx SDK, then closes the channel.
// Prints {messages, receipts, channelId, closed} as one JSON line.
import { tempo } from 'mppx/client'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, PRIVATE_KEY, TARGET, COUNT, MAX_DEPOSIT } = process.env
const account = privateKeyToAccount(PRIVATE_KEY)
const client = createClient({ account, chain: { ...tempoLocalnet, id: Number(process.env.CHAIN_ID) }, transport: http(RPC_URL), pollingInterval: 50 })
const session = tempo.session.manager({ account, client, maxDeposit: MAX_DEPOSIT ?? '1', webSocket: globalThis.WebSocket ?? (await import('ws')).default })
const told = { messages: [], receipts: [] }
const socket = await session.ws(TARGET.replace(/^http/, 'ws'), { onReceipt: (receipt) => told.receipts.push(receipt) })
await new Promise((resolve, reject) => {
  socket.addEventListener('message', ({ data }) => {
    told.messages.push(data)
    if (told.messages.length === Number(COUNT)) resolve()
  })
  socket.addEventListener('error', () => reject(new Error('the socket failed')))
  socket.addEventListener('close', resolve)
})
told.closed = await session.close()
const text = JSON.stringify({ ...told, channelId: session.channelId }, (_, value) => typeof value === 'bigint' ? value.toString() : value)
process.stdout.write(text + '\n', () => process.exit(0))
