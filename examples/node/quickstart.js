// The whole of it from Node, by koffi: connect, describe who is asking, read a flag.
//
//   npm ci
//   GUIDON_SDK_KEY=gdn_srv_... node quickstart.js [http://127.0.0.1:8400]
//
// GUIDON_LIBRARY names the library where the system does not find libguidon.so by itself.
'use strict';

const koffi = require('koffi');

const library = koffi.load(process.env.GUIDON_LIBRARY || 'libguidon.so.0.1');
const Config = koffi.struct('guidon_config', {
  size: 'size_t', server: 'str', key: 'str', bootstrap_file: 'str', bootstrap: 'str', cache_file: 'str', ca_file: 'str',
  application: 'str', application_version: 'str', connect_timeout_ms: 'int64_t', silence_timeout_ms: 'int64_t',
  client_certificate_file: 'str', client_key_file: 'str', private_attributes: 'void *', private_attribute_count: 'size_t',
  serve_defaults_after_ms: 'int64_t', without_events: 'bool', flag_overrides: 'bool', flag_file: 'str',
  flag_file_interval_ms: 'int64_t', log: 'void *', log_user: 'void *',
});
const guidonError = koffi.struct('guidon_error', { size: 'size_t', code: 'int', message: koffi.array('char', 512) });
for (const type of ['guidon_client', 'guidon_context']) koffi.opaque(type);
const clientNew = library.func('guidon_client *guidon_client_new(guidon_config *config, _Inout_ guidon_error *error)');
const waitReady = library.func(
  'int guidon_client_wait_ready(guidon_client *client, int64_t timeout_ms, _Inout_ guidon_error *error)');
const clientFree = library.func('void guidon_client_free(guidon_client *client)');
const contextNew = library.func('guidon_context *guidon_context_new(const char *key)');
const setText = library.func('int guidon_context_set_text(guidon_context *context, const char *name, const char *text)');
const contextFree = library.func('void guidon_context_free(guidon_context *context)');
const readBool = library.func(
  'bool guidon_bool(guidon_client *client, const char *flag, guidon_context *context, bool fallback)');
const readString = library.func('size_t guidon_string(guidon_client *client, const char *flag, guidon_context *context, ' +
  'const char *fallback, _Out_ uint8_t *buffer, size_t capacity)');

const error = { size: koffi.sizeof(guidonError), code: 0, message: '' };
const client = clientNew({
  size: koffi.sizeof(Config),
  server: process.argv[2] || 'http://127.0.0.1:8400',
  key: process.env.GUIDON_SDK_KEY || '',
}, error);
if (waitReady(client, 2000, error) !== 0) console.error(error.message);

const user = contextNew('user-42');
setText(user, 'country', 'DE');
setText(user, 'plan', 'pro');
console.log('payments.v2 is', readBool(client, 'payments.v2', user, false) ? 'on' : 'off');

const layout = Buffer.alloc(32);
const size = readString(client, 'checkout.layout', user, 'multi', layout, layout.length);
console.log('checkout.layout is', layout.toString('utf8', 0, Math.min(size, layout.length - 1)));

contextFree(user);
clientFree(client);
