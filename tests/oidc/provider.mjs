// oidc-provider as it comes from npm, with its own pages to sign in at: `node provider.mjs PORT REDIRECT_URI ALGORITHM`.
// Each start makes another key. Whoever signs in as ana is in the groups `editors` and `all`, everybody else in none.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import * as oidc from 'oidc-provider';

const [port, redirect, algorithm] = process.argv.slice(2);
const Provider = oidc.Provider ?? oidc.default;
const kinds = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  RS256: ['rsa', { modulusLength: 2048 }],
  EdDSA: ['ed25519', {}],
};
const key = generateKeyPairSync(...kinds[algorithm]).privateKey.export({ format: 'jwk' });
Object.assign(key, { use: 'sig', alg: algorithm, kid: randomBytes(8).toString('hex') });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [key] },
  clients: [{
    client_id: 'guidon',
    client_secret: process.env.CLIENT_SECRET,
    redirect_uris: [redirect],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    id_token_signed_response_alg: algorithm,
  }],
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256', 'EdDSA'] },
  claims: { openid: ['sub', 'groups'], profile: ['name'], email: ['email'] },
  conformIdTokenClaims: false, // so that they are in the ID token
  cookies: { keys: [randomBytes(16).toString('hex')] },
  features: { devInteractions: { enabled: true } },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id,
      name: `The one called ${id}`,
      email: `${id}@example.com`,
      groups: id === 'ana' ? ['all', 'editors'] : [],
    }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
