// Calls the hub at argv[2] in all ways there are, over the transport argv[3],
// in the protocol argv[4]. Exits with 0 if all went as it should.
import assert from "node:assert/strict";
import { HttpTransportType, HubConnectionBuilder, LogLevel, Subject } from "@microsoft/signalr";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";

const [url, transport, protocol] = process.argv.slice(2);
const builder = new HubConnectionBuilder()
  .withUrl(url, { transport: HttpTransportType[transport] })
  .configureLogging(LogLevel.Warning);
if (protocol === "messagepack") builder.withHubProtocol(new MessagePackHubProtocol());
const hub = builder.build();

const closed = new Promise((resolve) => hub.onclose(resolve));
const received = new Promise((resolve) => hub.on("received", resolve));
await hub.start();

assert.equal(await hub.invoke("Echo", "hello"), "hello");
const long = "long ".repeat(20_000);
assert.equal(await hub.invoke("Echo", long), long);
await assert.rejects(hub.invoke("Fail", "so"), /failed: so/);
await assert.rejects(hub.invoke("Nowhere"), /Nowhere|unknown/i);

await hub.send("Send", "to all");
assert.equal(await received, "to all");

const counted = await new Promise((resolve, reject) => {
  const all = [];
  hub.stream("Count", 100).subscribe({ next: (n) => all.push(n), complete: () => resolve(all), error: reject });
});
assert.deepEqual(counted, Array.from({ length: 100 }, (_, i) => i + 1));

const numbers = new Subject();
const sum = hub.invoke("Sum", numbers);
for (let i = 1; i <= 10; i++) numbers.next(i);
numbers.complete();
assert.equal(await sum, 55);

await hub.stop();
assert.equal(await closed, undefined); // no error
process.exit(0); // or its timer for a server that has gone may keep the process
