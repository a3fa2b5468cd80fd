// connect.ts FILE …: adds the contacts of files of JSON lines to a list, a call for each file, each on a connection of its own.
//
// By the Connect protocol. Environment: ADDRESS (host:port), KEY (an API key), LIST (the list's id), and, if the defaults don't
// suit, CONTACTS_PER_MESSAGE and DEADLINE_SECONDS.

import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromJsonString, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';

import { ContactSchema, type Contact } from './gen/contactlists/v1/contact_pb.js';
import {
  ContactListService,
  UpdateContactListContactsHeader_Action as Action,
  UpdateContactListContactsHeader_RejectionPolicy as RejectionPolicy,
  UpdateContactListContactsRequestSchema,
  type UpdateContactListContactsResponse,
} from './gen/contactlists/v1/contact_list_service_pb.js';
import { ErrorInfoSchema, RetryInfoSchema } from './gen/google/rpc/error_details_pb.js';

type Lists = Client<typeof ContactListService>;

const { ADDRESS, KEY, LIST, CONTACTS_PER_MESSAGE = '200', DEADLINE_SECONDS = '120' } = process.env;
const ATTEMPTS = 6;

const authorize: Interceptor = (next) => (request) => {
  request.header.set('authorization', `Bearer ${KEY}`);
  return next(request);
};

// The messages of one call. connect-es takes the next one when the last one is on its way.
async function* messages(
  path: string,
  requestId: string,
): AsyncGenerator<MessageInitShape<typeof UpdateContactListContactsRequestSchema>> {
  const rejectionPolicy = RejectionPolicy.SKIP;
  yield { header: { contactListId: LIST, action: Action.ADD, rejectionPolicy, requestId } };
  let contacts: Contact[] = [];
  let contactCount = 0;
  try {
    await using file = await open(path);
    for await (const line of file.readLines({ autoClose: false })) {
      contacts.push(fromJsonString(ContactSchema, line));
      contactCount += 1;
      if (contacts.length === Number(CONTACTS_PER_MESSAGE)) {
        yield { contacts };
        contacts = [];
      }
    }
  } catch (error) {
    // It breaks the call, and is told from errors of the connection, which have various codes.
    throw new ConnectError(String(error), Code.InvalidArgument);
  }
  // What is counted here is what the file had.
  yield { contacts, footer: { contactCount } };
}

// How many milliseconds to wait before a retry; undefined if it can't help.
function retryDelay(error: ConnectError): number | undefined {
  const [retry] = error.findDetails(RetryInfoSchema);
  if (retry?.retryDelay) return Number(retry.retryDelay.seconds) * 1000 + retry.retryDelay.nanos / 1e6;
  // Without details the error is not the service's: the connection broke, or the deadline passed. The update may have been
  // applied.
  const isLost = error.findDetails(ErrorInfoSchema).length === 0 && error.code !== Code.InvalidArgument;
  return isLost || error.code === Code.DeadlineExceeded ? 0 : undefined;
}

// The outcome of the update, if it was applied. Otherwise it is sent again, which is safe with the same id.
async function recorded(lists: Lists, requestId: string): Promise<UpdateContactListContactsResponse | undefined> {
  try {
    const reference = { case: 'requestId', value: requestId } as const;
    const { contactListUpdate } = await lists.getContactListUpdate({ reference }, { timeoutMs: 10_000 });
    return contactListUpdate?.outcome;
  } catch {
    return undefined;
  }
}

async function upload(lists: Lists, path: string): Promise<UpdateContactListContactsResponse> {
  const requestId = randomUUID();
  const timeoutMs = Number(DEADLINE_SECONDS) * 1000;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await lists.updateContactListContacts(messages(path, requestId), { timeoutMs });
    } catch (reason) {
      const error = ConnectError.from(reason);
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
async function report(path: string, upload: Promise<UpdateContactListContactsResponse>): Promise<boolean> {
  try {
    const outcome = await upload;
    for (const { index, violations } of outcome.rejectedContacts) {
      for (const { field, message } of violations) console.log(`${path}:${index + 1}: ${field} ${message}`);
    }
    console.log(
      `${path}: ${outcome.receivedCount} received, ${outcome.rejectedCount} rejected, ` +
        `${outcome.addedCount} added; the list has ${outcome.contactList?.contactCount}`,
    );
    return true;
  } catch (reason) {
    const error = ConnectError.from(reason);
    const [info] = error.findDetails(ErrorInfoSchema);
    console.error(`${path}: ${error.message} (${info?.reason ?? 'no details'})`);
    return false;
  }
}

// Over HTTP/2, Node ends the stream of a call that it gives up, at its deadline for one, before it resets it: for the server the
// stream is whole. Over HTTP/1.1 it closes the connection.
const transport = createConnectTransport({
  baseUrl: `http://${ADDRESS}`,
  httpVersion: '1.1',
  interceptors: [authorize],
  useBinaryFormat: true,
});
const lists = createClient(ContactListService, transport);
const reports = process.argv.slice(2).map((path) => report(path, upload(lists, path)));
process.exitCode = (await Promise.all(reports)).every(Boolean) ? 0 : 1;
