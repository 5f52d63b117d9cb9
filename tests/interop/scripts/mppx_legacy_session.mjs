// Buys COUNT requests over one channel of the escrow contract (sessions of version 1) with the SDK of PEER, and closes
// where asked. SSE reads a stream instead. Prints {statuses, receipts, tokens, channelId, cumulative, closed}.
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { PEER, RPC_URL, PRIVATE_KEY, TARGET, COUNT, CLOSE, SSE, MAX_DEPOSIT, ESCROW } = process.env
const { tempo } = await import(`${PEER ?? 'mppx'}/client`)
const account = privateKeyToAccount(PRIVATE_KEY)
const client = createClient({ account, chain: { ...tempoLocalnet, id: Number(process.env.CHAIN_ID) }, transport: http(RPC_URL), pollingInterval: 50 })
const session = tempo.sessionLegacy({ account, client, escrowContract: ESCROW, maxDeposit: MAX_DEPOSIT ?? '1' })
const told = { statuses: [], receipts: [], tokens: 0 }
if (SSE) {
  const stream = await session.sse(TARGET, { onReceipt: (receipt) => told.receipts.push(receipt) })
  for await (const _ of stream) told.tokens += 1
} else {
  for (let i = 0; i < Number(COUNT ?? 1); i++) {
    const response = await session.fetch(TARGET)
    told.statuses.push(response.status)
    told.receipts.push(response.receipt)
    await response.text()
  }
}
if (CLOSE) told.closed = await session.close()
const text = JSON.stringify({ ...told, channelId: session.channelId, cumulative: session.cumulative.toString() }, (_, value) => typeof value === 'bigint' ? value.toString() : value)
process.stdout.write(text + '\n', () => process.exit(0))
