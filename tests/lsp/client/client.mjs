// `guidon lsp` as VS Code's own library speaks to it: node client.mjs GUIDON ROOT
import { spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import protocol from 'vscode-languageserver-protocol/node.js';

const {
  createProtocolConnection, StreamMessageReader, StreamMessageWriter, InitializeRequest, InitializedNotification,
  DidOpenTextDocumentNotification, DidChangeTextDocumentNotification, PublishDiagnosticsNotification,
  RegistrationRequest, CompletionRequest, HoverRequest, DefinitionRequest, DocumentFormattingRequest,
  DocumentSymbolRequest, ShutdownRequest, ExitNotification,
} = protocol;

const [guidon, root] = process.argv.slice(2);
const rootUri = pathToFileURL(root).href;

function expect(what, actual, wanted) {
  if (JSON.stringify(actual) === JSON.stringify(wanted)) return;
  console.error(`${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(wanted)}`);
  process.exit(1);
}
let step = 'the beginning';
setTimeout(() => {
  console.error(`nothing happens any more since: ${step}`);
  process.exit(1);
}, 60_000).unref();

const server = spawn(guidon, ['lsp', '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
const ended = new Promise((resolve) => server.on('exit', resolve));
const connection = createProtocolConnection(
  new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));

// The next diagnostics of a version of a document.
const waiting = [];
connection.onNotification(PublishDiagnosticsNotification.type, (params) => {
  for (const one of waiting) if (one.uri === params.uri && one.version === params.version) one.resolve(params.diagnostics);
});
const diagnostics = (uri, version) => new Promise((resolve) => waiting.push({ uri, version, resolve }));
const registered = new Promise((resolve) => {
  connection.onRequest(RegistrationRequest.type, (params) => resolve(params.registrations[0].method));
});
connection.listen();

const { capabilities } = await connection.sendRequest(InitializeRequest.type, {
  processId: process.pid,
  rootUri,
  workspaceFolders: [{ uri: rootUri, name: 'shop' }],
  capabilities: { workspace: { didChangeWatchedFiles: { dynamicRegistration: true } } },
});
expect('encoding', capabilities.positionEncoding, 'utf-16');
await connection.sendNotification(InitializedNotification.type, {});
expect('what it registers', await registered, 'workspace/didChangeWatchedFiles');

step = 'opening';
const uri = `${rootUri}/flags/a.yaml`;
const text = 'flag: a\ntype: boolean # 😀\nowner: web\nenvironments:\n  production:\n    enabled: true\n' +
  '    rules:\n      - { when: { "😀": x, segment: eu- }, serve: on }\n    default: off\n';
const atOpen = diagnostics(uri, 1);
await connection.sendNotification(DidOpenTextDocumentNotification.type, {
  textDocument: { uri, languageId: 'yaml', version: 1, text },
});
const segment = { line: 7, character: text.split('\n')[7].indexOf('eu-') };  // JavaScript counts as UTF-16 does
const [{ code, range }] = await atOpen;
expect('fault', { code, start: range.start }, { code: 'unknown_segment', start: segment });

step = 'completing';
const behind = { line: 7, character: segment.character + 3 };
const { items } = await connection.sendRequest(CompletionRequest.type, { textDocument: { uri }, position: behind });
expect('items', items.map((item) => item.label), ['eu-web']);
const { textEdit } = items[0];
const atChange = diagnostics(uri, 2);
await connection.sendNotification(DidChangeTextDocumentNotification.type, {
  textDocument: { uri, version: 2 },
  contentChanges: [{ range: textEdit.range, text: textEdit.newText }],
});
expect('faults, once it is completed', await atChange, []);

step = 'looking';
const target = { textDocument: { uri }, position: segment };
const hover = await connection.sendRequest(HoverRequest.type, target);
expect('hover', hover.contents.value.split('\n')[0], 'segment eu-web');
const [definition] = await connection.sendRequest(DefinitionRequest.type, target);
expect('definition', definition.uri, `${rootUri}/segments/eu.yaml`);
const symbols = await connection.sendRequest(DocumentSymbolRequest.type, { textDocument: { uri } });
expect('symbols', symbols.map((symbol) => symbol.name), ['a']);
const [edit] = await connection.sendRequest(DocumentFormattingRequest.type, {
  textDocument: { uri }, options: { tabSize: 2, insertSpaces: true },
});
expect('layout', edit.newText.split('\n')[1], 'type: boolean  # 😀');

step = 'leaving';
await connection.sendRequest(ShutdownRequest.type);
await connection.sendNotification(ExitNotification.type);
expect('exit code', await ended, 0);
console.log('ok');
