// one_by_one.js CONTACTS CALLS: grpc-js sends one contact a message, in CALLS calls at once on one channel.
//
// Another channel makes ordinary calls meanwhile. Every call must succeed. The service is at ADDRESS, with an admin key in
// KEY and a contact list in LIST; the folder above is the repository's. NODE_PATH says where the packages are.
'use strict';

const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const { ADDRESS, KEY, LIST } = process.env;
const [count, calls] = process.argv.slice(2).map(Number);
const definition = loader.loadSync('contactlists/v1/contact_list_service.proto', {
  keepCase: true,
  includeDirs: [path.join(__dirname, '..', '..', 'proto')],
});
const { ContactListService } = grpc.loadPackageDefinition(definition).contactlists.v1;
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${KEY}`);

const client = () =>
  new ContactListService(ADDRESS, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
const pad = (number, length) => String(number).padStart(length, '0');
const deadline = (seconds) => ({ deadline: Date.now() + seconds * 1000 });

function upload(lists, call) {
  return new Promise((resolve) => {
    const stream = lists.UpdateContactListContacts(metadata, deadline(600), (error, answer) => {
      if (error) resolve(`${grpc.status[error.code]}: ${error.details}`);
      else resolve(Number(answer.received_count) === count ? null : `${answer.received_count} were received`);
    });
    let index = 0;
    const send = () => {
      let more = true;
      while (more && index < count) {
        more = stream.write({ contacts: [{ phone: `+4917${pad(call, 2)}${pad(index++, 7)}` }] });
      }
      if (index < count) stream.once('drain', send);
      else stream.end();
    };
    stream.write({ header: { contact_list_id: LIST, action: 'ACTION_ADD' } });
    send();
  });
}

const get = (lists) =>
  new Promise((resolve, reject) => {
    const done = (error) => (error ? reject(error) : resolve());
    lists.GetContactList({ id: LIST }, metadata, deadline(30), done);
  });

async function main() {
  const begun = Date.now();
  const [crowd, beside] = [client(), client()];
  const waits = [];
  let running = true;
  const uploads = Promise.all([...Array(calls).keys()].map((call) => upload(crowd, call)));
  const ended = uploads.then(() => (running = false));
  while (running) {
    const start = Date.now();
    await get(beside);
    waits.push(Date.now() - start);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10))]);
  }
  const errors = (await uploads).filter((outcome) => outcome);
  const p99 = waits.sort((one, other) => one - other)[Math.floor((waits.length * 99) / 100)];
  const seconds = (Date.now() - begun) / 1000;
  console.log(
    `grpc-js: ${calls} calls of ${count} messages in ${seconds} s, others' p99 ${p99} ms, errors: ${JSON.stringify(errors)}`,
  );
  process.exit(errors.length ? 1 : 0);
}

main();
