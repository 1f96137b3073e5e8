// OpenFeature on a server: @openfeature/server-sdk with its OFREP provider.
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { at, expect, serve, server } from './check.mjs';

await OpenFeature.setProviderAndWait(
  new OFREPProvider({ baseUrl: server, headers: [['Authorization', `Bearer ${process.env.GUIDON_SERVER_KEY}`]] }),
);
const client = OpenFeature.getClient();
const user = { targetingKey: 'user-1', country: 'DE', account: 'acct-1' };

at('reading flags of each type');
expect('boolean', await client.getBooleanValue('on', false, user), true);
expect('string', await client.getStringValue('text', '', user), 'A');
expect('number', await client.getNumberValue('number', 0, user), 1.5);
expect('object', await client.getObjectValue('json', {}, user), { x: [1, null, { y: true }] });
expect('for servers', await client.getBooleanValue('hidden', false, user), true);

at('reading details');
const text = await client.getStringDetails('text', '', { ...user, country: 'FR' });
expect('variant', [text.value, text.variant, text.reason], ['B', 'b', 'TARGETING_MATCH']);
expect('rule', text.flagMetadata.rule, 'french');
const byDefault = await client.getStringDetails('text', '', user);
expect('native reason', [byDefault.reason, byDefault.flagMetadata.reason], ['UNKNOWN', 'DEFAULT']);
const tested = await client.getStringDetails('tested', '', user);
expect('experiment', [tested.reason, tested.flagMetadata.experiment], ['SPLIT', 'exp']);

at('reading what gives the default');
const error = async (read) => (await read).errorCode;
expect('unknown', await error(client.getBooleanDetails('nobody', false, user)), 'FLAG_NOT_FOUND');
expect('with a slash', await error(client.getBooleanDetails('a/b', false, user)), 'FLAG_NOT_FOUND');
expect('no key', await error(client.getStringDetails('split', 'x', {})), 'TARGETING_KEY_MISSING');
expect('type', await error(client.getStringDetails('on', 'x', user)), 'TYPE_MISMATCH');
expect('nothing served', await client.getStringValue('disabled', 'mine', user), 'mine');

at('a change');
await serve('on', 'off');
expect('after the change', await client.getBooleanValue('on', true, user), false);
await OpenFeature.close();
console.log('ok');
process.exit(0);
