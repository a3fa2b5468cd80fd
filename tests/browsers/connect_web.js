// connect_web.js BINARY: unchanged clients of the Connect protocol and of gRPC-Web, in the page of another origin.
//
// The browser loads them as npm has them; nothing bundles them.
'use strict';

const assert = require('assert');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { after, before, test } = require('node:test');
const { execFileSync } = require('child_process');
const { launch, startService } = require('./chromium');

const BINARY = process.argv[2];
const PACKAGES = ['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-web'];
const CONTACTS = 2500;
const NO_LIST = '01890a5d-ac96-774b-bcce-b302099a8057';
const TRANSPORTS = [
  ['the Connect protocol in JSON', 'createConnectTransport', { useBinaryFormat: false }],
  ['the Connect protocol, encoded', 'createConnectTransport', { useBinaryFormat: true }],
  ['gRPC-Web', 'createGrpcWebTransport', {}],
];

// Where the browser finds the packages' modules.
function importMap() {
  const imports = {};
  const fileOf = (exported) => (typeof exported === 'string' ? exported : fileOf(exported.import ?? exported.default));
  for (const name of PACKAGES) {
    const { exports } = JSON.parse(fs.readFileSync(path.join(process.env.NODE_PATH, name, 'package.json')));
    for (const [part, exported] of Object.entries(exports)) {
      if (part.endsWith('.json')) continue;
      imports[path.posix.join(name, part)] = path.posix.join('/packages', name, fileOf(exported));
    }
  }
  return JSON.stringify({ imports });
}

const PAGE = `<!doctype html><title>A page</title><script type="importmap">${importMap()}</script>
<script type="module">
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import * as web from '@connectrpc/connect-web';
const set = new Uint8Array(await (await fetch('/descriptors')).arrayBuffer());
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, set));
window.connect = (service, address, key, transport, options) => createClient(
  registry.getService('contactlists.v1.' + service),
  web[transport]({
    baseUrl: 'http://' + address,
    interceptors: [(next) => (request) => {
      request.header.set('authorization', 'Bearer ' + key);
      return next(request);
    }],
    ...options,
  }),
);
// A refusal: its code, and the reason of its google.rpc.ErrorInfo, whose first field that is.
window.refusal = (call) => call.then(() => null, (thrown) => {
  const error = ConnectError.from(thrown);
  const info = error.details.find((detail) => detail.type === 'google.rpc.ErrorInfo');
  const reason = info && new TextDecoder().decode(info.value.subarray(2, 2 + info.value[1]));
  return { code: Code[error.code], reason: reason ?? null };
});
window.isReady = true;
</script>`;

let service;
let browser;
let pages;
let port;

before(async () => {
  const descriptors = execFileSync(BINARY, ['descriptor']);
  pages = http.createServer((request, response) => {
    if (request.url === '/') return response.setHeader('Content-Type', 'text/html').end(PAGE);
    if (request.url === '/descriptors') return response.end(descriptors);
    const file = path.join(process.env.NODE_PATH, path.posix.normalize(request.url.replace('/packages', '')));
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    return response.setHeader('Content-Type', 'text/javascript').end(fs.readFileSync(file));
  });
  await new Promise((resolve) => { pages.listen(0, '127.0.0.1', resolve); });
  ({ port } = pages.address());
  service = await startService(BINARY, '--cors-origin', `http://localhost:${port}`);
  browser = await launch();
});
after(async () => {
  await browser.close();
  await service.stop();
  pages.close();
  pages.closeAllConnections();
});

// The page of each host. It loads a hundred modules, so one serves all tests.
const opened = new Map();

async function open(host) {
  const page = await browser.newPage();
  await page.goto(`http://${host}:${port}/`);
  await page.waitForFunction('window.isReady');
  return page;
}

// Runs `run` in the page of the origin `host`, with the arguments `given`.
async function inPage(host, run, ...given) {
  if (!opened.has(host)) opened.set(host, open(host));
  const page = await opened.get(host);
  return page.evaluate(run, ...given);
}

for (const [name, transport, options] of TRANSPORTS) {
  const at = (what) => ['ContactListService', service.address, what ?? service.key, transport, options];
  const withList = async () => (await service.call('POST', '/v1/contact_lists', { name })).contactList.id;

  test(`a page makes calls of one message by ${name}`, async () => {
    const got = await inPage('localhost', async (given, made) => {
      const lists = connect(...given);
      const { contactList } = await lists.createContactList({ name: made });
      return (await lists.getContactList({ id: contactList.id })).contactList.name;
    }, at(), `Made by ${name}`);
    assert.strictEqual(got, `Made by ${name}`);
  });

  test(`a page reads a stream by ${name}`, async () => {
    const id = await withList();
    const contacts = [...Array(CONTACTS).keys()].map((n) => ({ phone: `+49151${10000000 + n}` }));
    await service.call('PUT', `/v1/contact_lists/${id}/contacts`, { action: 'overwrite', contacts });
    const sizes = await inPage('localhost', async (given, contactListId) => {
      const messages = [];
      for await (const message of connect(...given).exportContactListContacts({ contactListId })) {
        messages.push(message.contactListContacts.length);
      }
      return messages;
    }, at(), id);
    assert(sizes.length > 1);
    assert.strictEqual(sizes.reduce((sum, size) => sum + size), CONTACTS);
    await service.call('DELETE', `/v1/contact_lists/${id}`);
  });

  test(`a page sees why a call is refused by ${name}`, async () => {
    const refused = await inPage('localhost', (good, bad, id) => Promise.all([
      refusal(connect(...good).getContactList({ id })),
      refusal(connect(...good).exportContactListContacts({ contactListId: id })[Symbol.asyncIterator]().next()),
      refusal(connect(...bad).getContactList({ id })),
    ]), at(), at('cl_nonsense'), NO_LIST);
    const notFound = { code: 'NotFound', reason: 'RESOURCE_NOT_FOUND' };
    const unauthenticated = { code: 'Unauthenticated', reason: 'API_KEY_INVALID' };
    assert.deepStrictEqual(refused, [notFound, notFound, unauthenticated]);
  });

  test(`a page of an origin that is not allowed makes no call by ${name}`, async () => {
    const refused = await inPage('127.0.0.1', (given) => refusal(connect(...given).getLimits({})), at());
    assert.deepStrictEqual(refused, { code: 'Unknown', reason: null });
  });
}

test('a page puts contacts on a list', async () => {
  const id = (await service.call('POST', '/v1/contact_lists', { name: 'Put' })).contactList.id;
  const outcome = await inPage('localhost', async (url, key) => {
    const body = JSON.stringify({ action: 'add', contacts: [{ phone: '+4915123456789' }] });
    const headers = { 'Authorization': `Bearer ${key}`, 'Content-Type': 'application/json' };
    return (await fetch(url, { method: 'PUT', headers, body })).json();
  }, `http://${service.address}/v1/contact_lists/${id}/contacts`, service.key);
  assert.strictEqual(outcome.addedCount, 1);
});
