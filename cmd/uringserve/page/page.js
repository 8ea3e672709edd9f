'use strict'
// The first message opens the WebSocket. What is sent, what comes back, and why
// it was closed, is a line each of the log.
const at = (id) => document.getElementById(id)
const logLines = 50 // at most; the oldest go
const shownBytes = 16 // of a binary message
let socket = null // the last one that was opened

function tell(text) {
  const line = document.createElement('li')
  line.textContent = text
  at('log').append(line)
  if (at('log').childElementCount > logLines) at('log').firstElementChild.remove()
  line.scrollIntoView({ block: 'nearest' })
}

function about(data) {
  if (typeof data === 'string') return `text, ${new TextEncoder().encode(data).length} bytes: ${data}`
  const bytes = new Uint8Array(data)
  const hex = Array.from(bytes.subarray(0, shownBytes), (b) => b.toString(16).padStart(2, '0')).join(' ')
  return `binary, ${bytes.length} bytes: ${hex}${bytes.length > shownBytes ? ' …' : ''}`
}

function open() {
  const ws = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws')
  const sentAt = [] // of messages that have not come back
  let waiting = [] // messages, until it is open; then null
  ws.binaryType = 'arraybuffer'
  const send = (data) => {
    if (waiting) return waiting.push(data)
    tell('sent: ' + about(data))
    sentAt.push(performance.now())
    ws.send(data)
  }
  ws.onopen = () => {
    tell('open' + (ws.extensions && ', ' + ws.extensions))
    const early = waiting
    waiting = null
    early.forEach(send)
  }
  ws.onmessage = (e) => {
    const took = performance.now() - sentAt.shift()
    tell(`came after ${took.toFixed(1)} ms: ${about(e.data)}`)
  }
  ws.onclose = (e) => {
    tell(`${waiting ? 'not opened' : 'closed'}: code ${e.code}${e.reason && ' ' + e.reason}${e.wasClean ? '' : ', not cleanly'}`)
    if (socket.ws === ws) at('close').disabled = true
  }
  at('close').disabled = false
  return { ws, send }
}

at('try').addEventListener('submit', (e) => {
  e.preventDefault()
  const text = at('message').value
  if (!socket || socket.ws.readyState > WebSocket.OPEN) socket = open()
  socket.send(at('try').kind.value === 'binary' ? new TextEncoder().encode(text) : text)
})
at('close').addEventListener('click', () => {
  at('close').disabled = true
  socket.ws.close(1000)
})
