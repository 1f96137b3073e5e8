// The JSON Schemas, as `yaml-language-server` finds them by the first line of a file: node schemas.mjs WORKSPACE
// Each file is right as it stands, and wrong with one key more.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import protocol from 'vscode-languageserver-protocol/node.js';

const {
  createProtocolConnection, StreamMessageReader, StreamMessageWriter, InitializeRequest, InitializedNotification,
  DidChangeConfigurationNotification, DidOpenTextDocumentNotification, PublishDiagnosticsNotification,
} = protocol;

const [workspace] = process.argv.slice(2);
let step = 'the beginning';
setTimeout(() => {
  console.error(`nothing happens any more since: ${step}`);
  process.exit(1);
}, 120_000).unref();

const program = new URL('node_modules/yaml-language-server/bin/yaml-language-server', import.meta.url).pathname;
const server = spawn('node', [program, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
const connection = createProtocolConnection(
  new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
const waiting = new Map();
connection.onNotification(PublishDiagnosticsNotification.type, ({ uri, diagnostics }) => waiting.get(uri)?.(diagnostics));
connection.onRequest('client/registerCapability', () => null);
connection.onRequest('workspace/configuration', ({ items }) => items.map(() => ({})));
connection.listen();
await connection.sendRequest(InitializeRequest.type, { processId: process.pid, rootUri: null, capabilities: {} });
await connection.sendNotification(InitializedNotification.type, {});
await connection.sendNotification(DidChangeConfigurationNotification.type, {
  settings: { yaml: { validate: true, schemaStore: { enable: false } } },
});

async function faultsOf(uri, text) {
  const answer = new Promise((resolve) => waiting.set(uri, resolve));
  await connection.sendNotification(DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: 'yaml', version: 1, text },
  });
  return (await answer).map((diagnostic) => diagnostic.message);
}

const files = readdirSync(workspace, { recursive: true }).filter((file) => file.endsWith('.yaml'));
if (files.length < 10) throw new Error(`${workspace} has ${files.length} files`);
for (const file of files) {
  step = file;
  const lines = readFileSync(`${workspace}/${file}`, 'utf8').split('\n');
  const first = lines.findIndex((line) => /^(- )?[a-z]+:/.test(line));
  const faults = await faultsOf(pathToFileURL(`${workspace}/${file}`).href, lines.join('\n'));
  const more = [...lines];
  more.splice(first + 1, 0, `${lines[first].startsWith('- ') ? '  ' : ''}nonsense: 1`);
  // Another name in the same folder, from which the path to the schema is the same.
  const wrong = await faultsOf(pathToFileURL(`${workspace}/${file}-more.yaml`).href, more.join('\n'));
  if (faults.length > 0 || !wrong.some((message) => message.includes('nonsense'))) {
    console.error(`${file}: ${JSON.stringify(faults)}; with a key more: ${JSON.stringify(wrong)}`);
    process.exit(1);
  }
}
console.log('ok');
process.exit(0);
