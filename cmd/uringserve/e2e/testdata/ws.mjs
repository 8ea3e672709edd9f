// The package ws against an echo: kinds, sizes, fragments, compression, pings and
// close codes.
import WebSocket from 'ws'

const url = process.argv[2].replace(/^http/, 'ws') + '/ws'
const options = { rejectUnauthorized: false }

function fail(err) {
  console.log(err)
  process.exit(1)
}

function open(more) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { ...options, ...more })
    ws.on('open', () => resolve(ws))
    ws.on('error', reject)
    ws.on('unexpected-response', (req, res) => { reject(new Error(`status ${res.statusCode}`)); req.destroy() })
  })
}

function echo(ws, data, binary, send = () => ws.send(data, { binary })) {
  return new Promise((resolve, reject) => {
    ws.once('message', (got, isBinary) => {
      if (isBinary !== binary || !Buffer.from(data).equals(got)) reject(new Error(`${Buffer.from(data).length} bytes became ${got.length}`))
      resolve()
    })
    send()
  })
}

function closed(ws, act) {
  return new Promise((resolve) => {
    ws.on('close', (code, reason) => resolve(`${code} ${reason}`))
    act()
  })
}

async function want(name, got, wanted) {
  got = await got
  if (got !== wanted) throw new Error(`${name}: ${got}, want ${wanted}`)
}

for (const perMessageDeflate of [false, true, { serverNoContextTakeover: true, clientNoContextTakeover: true }]) {
  const ws = await open({ perMessageDeflate }).catch(fail)
  const compressed = ws.extensions.includes('permessage-deflate')
  if (compressed !== (perMessageDeflate !== false)) fail(new Error(`extensions: ${ws.extensions}`))
  for (const n of [0, 1, 125, 126, 127, 4096, 65535, 65536, 300000, 1 << 20]) {
    await echo(ws, 'ä'.repeat(n / 2), false).catch(fail)
    await echo(ws, Buffer.alloc(n, 'pattern '), true).catch(fail)
  }
  await echo(ws, 'one two three', false, () => {
    ws.send('one ', { fin: false })
    ws.ping('between')
    ws.send('two ', { fin: false })
    ws.send('three', { fin: true })
  }).catch(fail)
  await new Promise((resolve) => { ws.once('pong', resolve); ws.ping('p') })
  await want('close', closed(ws, () => ws.close(4321, 'bye')), '4321 ').catch(fail)
}

// What the server must close with.
for (const [name, code, act] of [
  ['invalid UTF-8', 1007, (ws) => ws._socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]))],
  ['no mask', 1002, (ws) => ws.send('x', { mask: false })],
  ['reserved opcode', 1002, (ws) => ws._socket.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]))],
  ['too large', 1009, (ws) => ws.send(Buffer.alloc((1 << 20) + 1))],
]) {
  const ws = await open({ perMessageDeflate: false }).catch(fail)
  ws.on('error', () => {})
  const got = await closed(ws, () => act(ws))
  if (!got.startsWith(`${code} `)) fail(new Error(`${name}: ${got}, want ${code}`))
}

// A page of another host.
await open({ origin: 'https://elsewhere.example' }).then(() => fail(new Error('another origin was let in')), (err) => want('origin', err.message, 'status 403').catch(fail))

// Many at once.
await Promise.all(Array.from({ length: 200 }, async (_, i) => {
  const ws = await open({ perMessageDeflate: i % 2 === 0 })
  for (let k = 0; k < 20; k++) await echo(ws, `client ${i} message ${k} `.repeat(k * k), false)
  await closed(ws, () => ws.close())
})).catch(fail)
console.log('ok')
