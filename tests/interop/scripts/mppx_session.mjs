// Buys COUNT requests over one channel with the mppx SDK, then tops up (TOP_UP base units) and closes where asked.
// Prints {statuses, receipts, channelId, cumulative, topUp, closed} as one JSON line.
import { tempo } from 'mppx/client'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'

const { RPC_URL, PRIVATE_KEY, TARGET, COUNT, TOP_UP, CLOSE, MAX_DEPOSIT } = process.env
const account = privateKeyToAccount(PRIVATE_KEY)
const client = createClient({ account, chain: { ...tempoLocalnet, id: Number(process.env.CHAIN_ID) }, transport: http(RPC_URL), pollingInterval: 50 })
const session = tempo.session.manager({ account, client, maxDeposit: MAX_DEPOSIT ?? '1' })
const told = { statuses: [], receipts: [] }
const buy = async () => {
  const response = await session.fetch(TARGET)
  told.statuses.push(response.status)
  told.receipts.push(response.receipt)
  await response.text()
}
await buy()
for (let i = 1; i < Number(COUNT ?? 1); i++) await buy()
if (TOP_UP) told.topUp = await session.topUp(BigInt(TOP_UP))
if (TOP_UP) await buy()
if (CLOSE) told.closed = await session.close()
const text = JSON.stringify({ ...told, channelId: session.channelId, cumulative: session.cumulative.toString() }, (_, value) => typeof value === 'bigint' ? value.toString() : value)
process.stdout.write(text + '\n', () => process.exit(0))
