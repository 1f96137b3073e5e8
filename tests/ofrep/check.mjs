// What both programs need: a check that ends the program, and a way to change a flag.
import { isDeepStrictEqual } from 'node:util';

export const server = process.env.GUIDON_SERVER;

export function expect(what, actual, wanted) {
  if (isDeepStrictEqual(actual, wanted)) return;
  console.error(`${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(wanted)}`);
  process.exit(1);
}

export async function serve(flag, variation) {
  const answer = await fetch(`${server}/api/v1/projects/shop/flags/${flag}`, {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${process.env.GUIDON_ADMIN_KEY}` },
    body: JSON.stringify({ environments: { production: { default: variation } } }),
  });
  expect(`PATCH ${flag}`, answer.status, 200);
}

// Nothing here takes long; what waits for ever is told.
let step = 'the beginning';
export function at(name) {
  step = name;
}
setTimeout(() => {
  console.error(`nothing happens any more since: ${step}`);
  process.exit(1);
}, 60_000).unref();
