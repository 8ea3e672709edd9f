// Pipelines ten requests at a time on each of four connections and checks that
// each answer is the one to its own request.
import { Pool } from 'undici'

const pool = new Pool(process.argv[2], { connections: 4, pipelining: 10 })
const wanted = Array.from({ length: 2000 }, (_, i) => `/request?i=${i}`)
await Promise.all(wanted.map(async (path) => {
  const { statusCode, body } = await pool.request({ path, method: 'GET' })
  const seen = await body.json()
  if (statusCode !== 200 || seen.target !== path) {
    throw new Error(`${path}: ${statusCode} ${seen.target}`)
  }
}))
await pool.close()
console.log('ok')
