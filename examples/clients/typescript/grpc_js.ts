// grpc_js.ts FILE …: adds the contacts of files of JSON lines to a list, a call for each file, all on one channel.
//
// By grpc-js and proto-loader. Environment: ADDRESS (host:port), KEY (an API key), LIST (the list's id), and, if the defaults
// don't suit, CONTACTS_PER_MESSAGE and DEADLINE_SECONDS.

import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { credentials, loadPackageDefinition, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import type { ProtoGrpcType } from './gen/proto-loader/contact_list_service.js';
import type { ProtoGrpcType as ErrorTypes } from './gen/proto-loader/status.js';
import type { Contact } from './gen/proto-loader/contactlists/v1/Contact.js';
import type { ContactListServiceClient } from './gen/proto-loader/contactlists/v1/ContactListService.js';
import type { GetContactListUpdateResponse__Output } from './gen/proto-loader/contactlists/v1/GetContactListUpdateResponse.js';
import type { UpdateContactListContactsRequest } from './gen/proto-loader/contactlists/v1/UpdateContactListContactsRequest.js';
import type { UpdateContactListContactsResponse__Output as Outcome } from './gen/proto-loader/contactlists/v1/UpdateContactListContactsResponse.js';
import type { Struct } from './gen/proto-loader/google/protobuf/Struct.js';
import type { Value } from './gen/proto-loader/google/protobuf/Value.js';

const { ADDRESS = '', KEY, LIST, CONTACTS_PER_MESSAGE = '200', DEADLINE_SECONDS = '120' } = process.env;
const ATTEMPTS = 6;

// `json` decodes the details of errors; the other options are those that the types were generated with.
const definition = loadSync(
  ['contactlists/v1/contact_list_service.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  {
    includeDirs: [fileURLToPath(new URL('../../../../proto', import.meta.url))],
    keepCase: true,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
    json: true,
  },
);
const loaded = loadPackageDefinition(definition) as unknown as ProtoGrpcType & ErrorTypes;

const metadata = new Metadata();
metadata.set('authorization', `Bearer ${KEY}`);
const deadline = (seconds: number) => ({ deadline: Date.now() + seconds * 1000 });

// proto-loader takes a Struct with its fields. A plain object has none: it would be sent as an empty Struct, without a word.
function struct(object: object): Struct {
  return { fields: Object.fromEntries(Object.entries(object).map(([key, it]) => [key, value(it)])) };
}

function value(json: unknown): Value {
  if (json === null) return { nullValue: 'NULL_VALUE' };
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  return Array.isArray(json) ? { listValue: { values: json.map(value) } } : { structValue: struct(json as object) };
}

// proto-loader leaves out what it doesn't know, without a word: a misspelled name, or one in camel case.
const contactType = definition['contactlists.v1.Contact'].type as { field: { name: string }[] };
const contactFields = new Set(contactType.field.map(({ name }) => name));

function contactOf(line: string): Contact {
  const contact = JSON.parse(line);
  const unknown = Object.keys(contact).find((name) => !contactFields.has(name));
  if (unknown !== undefined) throw new Error(`a contact has no field ${unknown}`);
  return contact.properties ? { ...contact, properties: struct(contact.properties) } : contact;
}

// The messages of one call.
async function* messages(path: string, request_id: string): AsyncGenerator<UpdateContactListContactsRequest> {
  const rejection_policy = 'REJECTION_POLICY_SKIP';
  yield { header: { contact_list_id: LIST, action: 'ACTION_ADD', rejection_policy, request_id } };
  let contacts: Contact[] = [];
  let contact_count = 0;
  await using file = await open(path);
  for await (const line of file.readLines({ autoClose: false })) {
    contacts.push(contactOf(line));
    contact_count += 1;
    if (contacts.length === Number(CONTACTS_PER_MESSAGE)) {
      yield { contacts };
      contacts = [];
    }
  }
  // What is counted here is what the file had.
  yield { contacts, footer: { contact_count } };
}

// One call. The pipeline takes the next message when grpc-js has room for it. An error of the file must cancel the call, and
// the end of the call ends the pipeline.
function call(lists: ContactListServiceClient, path: string, requestId: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const ended = new AbortController();
    const done = (error: ServiceError | null, outcome?: Outcome) => {
      if (outcome) resolve(outcome);
      else reject(error);
      ended.abort();
    };
    const stream = lists.UpdateContactListContacts(metadata, deadline(Number(DEADLINE_SECONDS)), done);
    // The stream is a Writable, though its type does not say so.
    const source = Readable.from(messages(path, requestId));
    pipeline(source, stream as unknown as Writable, { signal: ended.signal }).catch((error) => {
      reject(error);
      stream.cancel();
    });
  });
}

// A detail of the error by the name of its type; undefined if the error is grpc-js's own.
function detail(error: ServiceError, name: string): any {
  const [encoded] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!encoded) return undefined;
  const { details } = loaded.google.rpc.Status.deserialize(encoded as Buffer);
  return details.find((it: any) => it['@type'].endsWith(`/google.rpc.${name}`));
}

// How many milliseconds to wait before a retry; undefined if it can't help.
function retryDelay(error: ServiceError): number | undefined {
  const delay = detail(error, 'RetryInfo')?.retry_delay;
  if (delay) return Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  // The connection broke, or the deadline passed: the update may have been applied.
  return [status.UNAVAILABLE, status.DEADLINE_EXCEEDED].includes(error.code) ? 0 : undefined;
}

// The outcome of the update, if it was applied. Otherwise it is sent again, which is safe with the same id.
function recorded(lists: ContactListServiceClient, request_id: string): Promise<Outcome | null | undefined> {
  return new Promise((resolve) => {
    const done = (_: unknown, found?: GetContactListUpdateResponse__Output) => resolve(found?.contact_list_update?.outcome);
    lists.GetContactListUpdate({ request_id }, metadata, deadline(10), done);
  });
}

async function upload(lists: ContactListServiceClient, path: string): Promise<Outcome> {
  const requestId = randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call(lists, path, requestId);
    } catch (reason) {
      const error = reason as ServiceError;
      const delay = retryDelay(error);
      if (delay === undefined || attempt === ATTEMPTS) throw error;
      console.error(`${path}: trying again after ${error.message}`);
      await sleep(Math.max(delay, 250 * 2 ** attempt) * (1 + Math.random() / 2));
    }
    const outcome = await recorded(lists, requestId);
    if (outcome) return outcome;
  }
}

// Prints what an upload came to; whether it succeeded.
async function report(path: string, upload: Promise<Outcome>): Promise<boolean> {
  try {
    const outcome = await upload;
    for (const { index, violations } of outcome.rejected_contacts) {
      for (const { field, message } of violations) console.log(`${path}:${index + 1}: ${field} ${message}`);
    }
    console.log(
      `${path}: ${outcome.received_count} received, ${outcome.rejected_count} rejected, ` +
        `${outcome.added_count} added; the list has ${outcome.contact_list?.contact_count}`,
    );
    return true;
  } catch (reason) {
    const error = reason as ServiceError;
    console.error(`${path}: ${error.message} (${detail(error, 'ErrorInfo')?.reason ?? 'no details'})`);
    return false;
  }
}

const lists = new loaded.contactlists.v1.ContactListService(ADDRESS, credentials.createInsecure());
const reports = process.argv.slice(2).map((path) => report(path, upload(lists, path)));
process.exitCode = (await Promise.all(reports)).every(Boolean) ? 0 : 1;
lists.close();
