// OpenFeature in a page: @openfeature/web-sdk with its OFREP provider, which keeps what it was told and follows an event
// stream. Node has fetch, and `eventsource` for EventSource; between the two and the server is a wire that can be cut.
import net from 'node:net';
import { OpenFeature, ProviderEvents } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { EventSource } from 'eventsource';
import { at, expect, serve, server } from './check.mjs';

const sockets = new Set();
const wire = net.createServer((near) => {
  const far = net.connect(new URL(server).port, '127.0.0.1');
  for (const socket of [near, far]) {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      near.destroy();
      far.destroy();
    });
  }
  near.pipe(far).pipe(near);
});
await new Promise((listening) => wire.listen(0, '127.0.0.1', listening));

const streams = []; // in the order in which they were asked for
globalThis.EventSource = class extends EventSource {
  constructor(url) {
    super(url, { fetch });
    expect('no key in the address', url.includes('gdn_'), false);
    streams.push({ url, opened: new Promise((opened) => this.addEventListener('open', opened)) });
  }
};
const statuses = [];
const provider = new OFREPWebProvider({
  baseUrl: `http://127.0.0.1:${wire.address().port}`,
  headers: [['Authorization', `Bearer ${process.env.GUIDON_CLIENT_KEY}`]],
  cacheMode: 'disabled',
  fetchImplementation: async (...request) => {
    const answer = await fetch(...request);
    statuses.push(answer.status);
    return answer;
  },
});
// The next change that the page is told of and that is one of this flag.
const changeOf = (flag) =>
  new Promise((changed) => {
    const handler = (event) => {
      if (!event.flagsChanged?.includes(flag)) return;
      OpenFeature.removeHandler(ProviderEvents.ConfigurationChanged, handler);
      changed(event.flagsChanged);
    };
    OpenFeature.addHandler(ProviderEvents.ConfigurationChanged, handler);
  });

at('initialising');
const german = { targetingKey: 'user-1', country: 'DE' };
await OpenFeature.setContext(german);
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
expect('boolean', client.getBooleanValue('on', true), false); // server.mjs switched it off
expect('string', client.getStringValue('text', ''), 'A');
expect('number', client.getNumberValue('number', 0), 1.5);
expect('object', client.getObjectValue('json', {}), { x: [1, null, { y: true }] });
expect('nothing served', client.getStringValue('disabled', 'mine'), 'mine');
const hidden = client.getBooleanDetails('hidden', false);
expect('for servers only', [hidden.value, hidden.errorCode], [false, 'FLAG_NOT_FOUND']);

at('a change');
let change = changeOf('on');
await serve('on', 'on');
expect('what changed', await change, ['on']);
expect('after the change', client.getBooleanValue('on', false), true);

at('another context with the same key');
await OpenFeature.setContext({ ...german, country: 'FR' });
expect('for France', client.getStringValue('text', ''), 'B');
expect('one stream', streams.length, 1);

at('asking again when nothing is new');
await OpenFeature.setContext({ ...german, country: 'FR' });
expect('statuses', statuses, [200, 200, 200, 304]);

at('the wire is cut');
await streams[0].opened;
for (const socket of sockets) socket.destroy();
while (streams.length < 2) await new Promise((later) => setTimeout(later, 20));
await streams[1].opened;
expect('another ticket', streams[1].url === streams[0].url, false);
change = changeOf('on');
await serve('on', 'off');
expect('what changed after that', await change, ['on']);
expect('after the second change', client.getBooleanValue('on', true), false);
expect('streams', streams.length, 2);

await OpenFeature.close();
console.log('ok');
process.exit(0);
