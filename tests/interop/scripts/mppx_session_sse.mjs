// Reads a stream of TARGET over one channel with the mppx SDK, COUNT times, and closes where asked.
// Prints {messages, receipts, channelId, cumulative, closed} as one JSON line.
import { tempo } from 'mppx/client'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, PRIVATE_KEY, TARGET, COUNT, CLOSE, MAX_DEPOSIT } = process.env
const account = privateKeyToAccount(PRIVATE_KEY)
const client = createClient({ account, chain: { ...tempoLocalnet, id: Number(process.env.CHAIN_ID) }, transport: http(RPC_URL), pollingInterval: 50 })
const session = tempo.session.manager({ account, client, maxDeposit: MAX_DEPOSIT ?? '1' })
const told = { messages: [], receipts: [] }
for (let i = 0; i < Number(COUNT ?? 1); i++) {
  const heard = []
  for await (const message of await session.sse(TARGET, { onReceipt: (receipt) => told.receipts.push(receipt) })) heard.push(message)
  told.messages.push(heard)
}
if (CLOSE) told.closed = await session.close()
const text = JSON.stringify({ ...told, channelId: session.channelId, cumulative: session.cumulative.toString() }, (_, value) => typeof value === 'bigint' ? value.toString() : value)
process.stdout.write(text + '\n', () => process.exit(0))
