-- The only script that wrk is given. `wrk … URL -- 16` pipelines 16 requests.
-- The requests are joined once, in wrk.format, so that wrk still sees a static
-- request and runs no Lua while it measures.

function init(args)
   local depth = tonumber(args[1]) or 1
   local one = wrk.format()
   wrk.format = function() return string.rep(one, depth) end
end

function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      "bench requests=%d duration_us=%d p50_us=%d p99_us=%d p999_us=%d max_us=%d " ..
      "connect=%d read=%d write=%d status=%d timeout=%d\n",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      latency:percentile(99.9), latency.max,
      e.connect, e.read, e.write, e.status, e.timeout))
end
