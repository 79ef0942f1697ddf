/** A server in one's own process and the client library at it: two answers side by side over one connection. */
import { load } from 'waferflow';
import { connect } from 'waferflow/client';
import { startServer } from 'waferflow/server';

const server = await startServer({ load: () => load(), model: { id: 'glint' }, port: 0, logLevel: 'silent' });
await server.ready;
const client = await connect({ url: server.url });
const ask = (lane, input) =>
  client.respond({ lane, input, max_output_tokens: 12, temperature: 0, store: false });
const [first, second] = [ask('a', 'interface Point {'), ask('b', 'class Cart {')];
for await (const event of first) if (event.type === 'text') process.stdout.write(event.text);
console.log(`\n${(await second.response).usage.output_tokens} tokens on the other lane`);
client.close();
await server.close();
