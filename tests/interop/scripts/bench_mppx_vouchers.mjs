// Speed of mppx's own vouchers: signed and verified a second, on one channel.
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { tempoLocalnet } from 'viem/chains'
import { signVoucher, verifyVoucher } from './node_modules/mppx/dist/tempo/session/precompile/Voucher.js'

const account = privateKeyToAccount('0x' + '01'.repeat(32))
const escrow = '0x4d50500000000000000000000000000000000000'
const channelId = '0x' + 'ab'.repeat(32)
const client = createClient({ account, chain: { ...tempoLocalnet, id: 1337 }, transport: http('http://127.0.0.1:1') })
const count = Number(process.env.COUNT ?? 1000)
const sign = (amount) => signVoucher(client, account, { channelId, cumulativeAmount: BigInt(amount) }, escrow, 1337)
for (let i = 0; i < 100; i++) await sign(i)

let start = performance.now()
const signatures = []
for (let i = 0; i < count; i++) signatures.push(await sign(i))
const signed = (count / (performance.now() - start)) * 1000

const verify = (amount) => verifyVoucher(escrow, 1337, { channelId, cumulativeAmount: BigInt(amount), signature: signatures[amount] }, account.address)
for (let i = 0; i < 100; i++) await verify(i)
start = performance.now()
for (let i = 0; i < count; i++) if (!(await verify(i))) throw new Error('not verified')
console.log(JSON.stringify({ signed, verified: (count / (performance.now() - start)) * 1000 }))
