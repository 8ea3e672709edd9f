// The package ws against an echo: kinds, sizes around the limit, fragments,
// compression, pings, close codes, origins, many clients.
import WebSocket from 'ws'

const url = process.argv[2].replace(/^http/, 'ws') + '/ws'
const mib = 1 << 20 // the largest message that the server takes

function fail(err) {
  console.log(err)
  process.exit(1)
}

function open(more) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { rejectUnauthorized: false, ...more })
    ws.on('open', () => resolve(ws))
    ws.on('error', reject)
    ws.on('unexpected-response', (req, res) => { reject(new Error(`status ${res.statusCode}`)); req.destroy() })
  })
}

// echo sends data, or does what send does, and waits for data to come back.
function echo(ws, data, binary, send = () => ws.send(data, { binary })) {
  return new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`closed with ${code}, not an echo of ${Buffer.from(data).length} bytes`))
    ws.once('close', ended)
    ws.once('message', (got, isBinary) => {
      ws.off('close', ended)
      if (isBinary !== binary || !Buffer.from(data).equals(got)) reject(new Error(`${Buffer.from(data).length} bytes became ${got.length}`))
      resolve()
    })
    send()
  })
}

function closed(ws, act) {
  return new Promise((resolve) => {
    ws.on('close', (code, reason) => resolve(`${code} ${reason}`))
    act(ws)
  })
}

function ping(ws, payload) {
  return new Promise((resolve, reject) => {
    ws.once('pong', (got) => got.equals(payload) ? resolve() : reject(new Error(`a ping of ${payload.length} bytes, a pong of ${got.length}`)))
    ws.ping(payload)
  })
}

function equal(name, got, wanted) {
  if (got !== wanted) throw new Error(`${name}: ${got}, want ${wanted}`)
}

// A client's frame, its mask zero: what ws would not send by itself.
function frame(first, payload) {
  const n = payload.length
  const length = n < 126 ? [0x80 | n] : [0x80 | 126, n >> 8, n & 0xff]
  return Buffer.from([first, ...length, 0, 0, 0, 0, ...payload])
}
const raw = (ws, ...frames) => ws._socket.write(Buffer.concat(frames))
const code = (n) => [n >> 8, n & 0xff]

// inFragments sends data in pieces of n bytes, with a ping after each.
function inFragments(ws, data, n, binary) {
  for (let at = 0; at < data.length; at += n) {
    ws.send(data.subarray(at, at + n), { binary, fin: at + n >= data.length })
    ws.ping('between')
  }
}

const noise = Buffer.alloc(mib + 1)
for (let i = 0, x = 1; i < noise.length; i++) noise[i] = (x = x * 1103515245 + 12345 | 0) >> 16

async function messages(perMessageDeflate) {
  const ws = await open({ perMessageDeflate })
  equal('compressed', ws.extensions.includes('permessage-deflate'), perMessageDeflate !== false)
  for (const n of [0, 1, 125, 126, 127, 4096, 65535, 65536, 300000, mib - 1, mib]) {
    await echo(ws, 'ä'.repeat(n / 2), false)
    await echo(ws, Buffer.alloc(n, 'pattern '), true)
    await echo(ws, noise.subarray(0, n), true)
  }
  for (const [size, n] of [[3000, 1], [300000, 1000], [mib - 1, 65536], [mib, 65536]]) {
    const text = Buffer.alloc(size, 'text ')
    await echo(ws, text, false, () => inFragments(ws, text, n, false))
    await echo(ws, noise.subarray(0, size), true, () => inFragments(ws, noise.subarray(0, size), n, true))
  }
  // A character may be cut anywhere, and a fragment be empty.
  await echo(ws, 'ä', false, () => {
    ws.send(Buffer.from([0xc3]), { binary: false, fin: false })
    ws.send('', { fin: false })
    ws.send(Buffer.from([0xa4]), { fin: true })
  })
  for (const n of [0, 1, 124, 125]) await ping(ws, noise.subarray(0, n))
  ws.pong('nobody asked')
  await echo(ws, 'still here', false)
  equal('close', await closed(ws, () => ws.close(4321, 'bye')), '4321 ')
  for (const act of [
    (ws) => ws.send('a'.repeat(mib + 1)),
    (ws) => ws.send(noise),
    (ws) => inFragments(ws, noise, 65536, true),
    (ws) => inFragments(ws, Buffer.alloc(mib + 1, 'text '), mib, false),
  ]) {
    const ws = await open({ perMessageDeflate })
    ws.on('error', () => {}) // it may still be sending
    equal('too large', await closed(ws, act), '1009 message too large')
  }
}

// What the server answers a Close with, and what else it must close for.
async function closings() {
  const wanted = []
  for (const n of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
    wanted.push([`code ${n}`, n, (ws) => raw(ws, frame(0x88, code(n)))])
  }
  for (const n of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) {
    wanted.push([`code ${n}`, 1002, (ws) => raw(ws, frame(0x88, code(n)))])
  }
  wanted.push(
    ['no code', 1005, (ws) => raw(ws, frame(0x88, []))],
    ['half a code', 1002, (ws) => raw(ws, frame(0x88, [3]))],
    ['the longest reason', 1000, (ws) => ws.close(1000, 'r'.repeat(123))],
    ['a reason that is not UTF-8', 1007, (ws) => raw(ws, frame(0x88, [...code(1000), 0xc3, 0x28]))],
    ['text that is not UTF-8', 1007, (ws) => raw(ws, frame(0x81, [0xc3, 0x28]))],
    ['no mask', 1002, (ws) => ws.send('x', { mask: false })],
    ['a reserved opcode', 1002, (ws) => raw(ws, frame(0x83, []))],
    ['a reserved bit', 1002, (ws) => raw(ws, frame(0xa1, []))],
    ['compression that was not agreed on', 1002, (ws) => raw(ws, frame(0xc1, []))],
    ['a message within a message', 1002, (ws) => raw(ws, frame(0x01, []), frame(0x81, []))],
    ['the rest of nothing', 1002, (ws) => raw(ws, frame(0x80, []))],
    ['a ping in fragments', 1002, (ws) => raw(ws, frame(0x09, []))],
    ['a ping of 126 bytes', 1002, (ws) => raw(ws, frame(0x89, Buffer.alloc(126)))],
  )
  for (const [name, want, act] of wanted) {
    const ws = await open({ perMessageDeflate: false })
    ws.on('error', () => {})
    const got = await closed(ws, act)
    if (!got.startsWith(`${want} `)) throw new Error(`${name}: ${got}, want ${want}`)
  }
}

async function origins() {
  const own = url.replace(/^ws/, 'http').replace(/\/ws$/, '')
  const opened = await open({ origin: own })
  await closed(opened, () => opened.close())
  for (const origin of ['https://elsewhere.example', 'null', own.replace(/\d+$/, '1')]) {
    const status = await open({ origin }).then(() => 'let in', (err) => err.message)
    equal(origin, status, 'status 403')
  }
}

async function manyAtOnce() {
  await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    const ws = await open({ perMessageDeflate: i % 2 === 0 })
    for (let k = 0; k < 20; k++) await echo(ws, `client ${i} message ${k} `.repeat(k * k), false)
    await closed(ws, () => ws.close())
  }))
}

async function run() {
  for (const how of [false, true, { serverNoContextTakeover: true, clientNoContextTakeover: true }]) await messages(how)
  await closings()
  await origins()
  await manyAtOnce()
  console.log('ok')
}
run().catch(fail)
