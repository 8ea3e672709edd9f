// 500 streams at once on one connection: each sends a body of its own and must
// get just that back.
import http2 from 'node:http2'

const session = http2.connect(process.argv[2])
session.on('error', fail)

function fail(err) {
  console.log(err)
  process.exit(1)
}

function echo(i) {
  return new Promise((resolve, reject) => {
    const body = `stream ${i} `.repeat(1 + (i * 37) % 900)
    const stream = session.request({ ':method': 'POST', ':path': '/echo' })
    let got = ''
    stream.setEncoding('utf8')
    stream.on('data', (part) => { got += part; })
    stream.on('error', reject)
    stream.on('end', () => (got === body ? resolve() : reject(new Error(`stream ${i}: ${got.length} of ${body.length}`))))
    stream.end(body)
  })
}

await Promise.all(Array.from({ length: 500 }, (_, i) => echo(i))).catch(fail)
console.log('ok')
session.close()
