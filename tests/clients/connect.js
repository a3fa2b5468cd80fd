// connect.js DESCRIPTORS: an unchanged client of the Connect protocol, connect-es, makes calls of all kinds.
//
// Over HTTP/1.1 and HTTP/2, in JSON and encoded, and by gRPC-Web. The service is at ADDRESS, with an admin key in KEY.
// DESCRIPTORS is the descriptor set of proto/. NODE_PATH says where the packages are.
'use strict';

const assert = require('assert');
const fs = require('fs');
const { createFileRegistry, fromBinary } = require('@bufbuild/protobuf');
const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt');
const { Code, ConnectError, createClient } = require('@connectrpc/connect');
const { compressionGzip, createConnectTransport, createGrpcWebTransport } = require('@connectrpc/connect-node');

const { ADDRESS, KEY } = process.env;
const CONTACTS = 2500;
const set = fromBinary(FileDescriptorSetSchema, fs.readFileSync(process.argv[2]));
const registry = createFileRegistry(set);
const ContactListService = registry.getService('contactlists.v1.ContactListService');

// The numbers of the contract's enums.
const ACTION_OVERWRITE = 3;
const NO_LIST = '01890a5d-ac96-774b-bcce-b302099a8057';

const authorize = (next) => (request) => {
  request.header.set('authorization', `Bearer ${KEY}`);
  return next(request);
};

// The bytes of a string field of an encoded message, here the reason of google.rpc.ErrorInfo.
const reasonOf = (error) => {
  const info = error.details.find((detail) => detail.type === 'google.rpc.ErrorInfo');
  return Buffer.from(info.value.subarray(2, 2 + info.value[1])).toString();
};

async function* overwrite(contactListId, footer) {
  yield { header: { contactListId, action: ACTION_OVERWRITE } };
  for (let start = 0; start < CONTACTS; start += 100) {
    const numbers = [...Array(100).keys()].map((index) => 10000000 + start + index);
    yield { contacts: numbers.map((number) => ({ phone: `+49151${number}`, properties: {} })) };
  }
  if (footer) yield { footer: { contactCount: CONTACTS } };
}

async function refused(call, code, reason) {
  const error = ConnectError.from(await call.then(() => assert.fail('it is not refused'), (it) => it));
  assert.strictEqual(error.code, code, error.message);
  if (reason) assert.strictEqual(reasonOf(error), reason);
}

async function check(name, transport) {
  const lists = createClient(ContactListService, transport);
  const { contactList } = await lists.createContactList({ name: `connect-es ${name}` });
  const got = await lists.getContactList({ id: contactList.id });
  assert.strictEqual(got.contactList.name, `connect-es ${name}`);
  await refused(lists.getContactList({ id: NO_LIST }), Code.NotFound, 'RESOURCE_NOT_FOUND');
  const outcome = await lists.updateContactListContacts(overwrite(contactList.id, true));
  assert.strictEqual(outcome.addedCount, CONTACTS);
  const cut = lists.updateContactListContacts(overwrite(contactList.id, false));
  await refused(cut, Code.InvalidArgument, 'STREAM_INCOMPLETE');
  const late = lists.updateContactListContacts(overwrite(contactList.id, true), { timeoutMs: 1 });
  await refused(late, Code.DeadlineExceeded);
  let members = 0;
  for await (const message of lists.exportContactListContacts({ contactListId: contactList.id })) {
    members += message.contactListContacts.length;
  }
  assert.strictEqual(members, CONTACTS);
  const none = lists.exportContactListContacts({ contactListId: NO_LIST });
  await refused(none[Symbol.asyncIterator]().next(), Code.NotFound, 'RESOURCE_NOT_FOUND');
  console.log(`${name}: all kinds of call`);
}

async function main() {
  const options = { baseUrl: `http://${ADDRESS}`, interceptors: [authorize] };
  for (const httpVersion of ['1.1', '2']) {
    for (const useBinaryFormat of [false, true]) {
      for (const gzip of [false, true]) {
        const compression = gzip ? { sendCompression: compressionGzip } : { acceptCompression: [] };
        const format = `HTTP/${httpVersion}, ${useBinaryFormat ? 'encoded' : 'JSON'}${gzip ? ', gzip' : ''}`;
        const connect = { ...options, httpVersion, useBinaryFormat, ...compression };
        await check(`Connect, ${format}`, createConnectTransport(connect));
      }
    }
    const web = { ...options, httpVersion, acceptCompression: [] };
    await check(`gRPC-Web, HTTP/${httpVersion}`, createGrpcWebTransport(web));
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
