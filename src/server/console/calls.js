// The calls that the console makes, and the key that it makes them with: in the memory of this page, and nowhere else.

// Less than the server lets a connection last.
const TIMEOUT_MS = 8000;

let key = '';

export const hasKey = () => key !== '';

export function setKey(value) {
  key = value;
}

export class CallError extends Error {
  constructor(message, { code = '', retrySeconds = null } = {}) {
    super(message);
    this.code = code;
    this.retrySeconds = retrySeconds;
  }
}

// What is said in place of the service's own message.
const MESSAGES = {
  unauthenticated: 'The service does not know this key, or it is disabled or has expired.',
  resource_exhausted: 'The service is overloaded: it is running as many calls as it may.',
  unavailable: 'The service cannot serve this now: its database is out of reach, or it is about to stop.',
  deadline_exceeded: 'The service took too long.',
};

// Makes a call, such as "ContactService/GetContact". Throws a CallError if it fails.
export async function call(name, request, signal) {
  // No header could hold it.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new CallError(MESSAGES.unauthenticated, { code: 'unauthenticated' });
  let response;
  try {
    response = await fetch(`/contactlists.v1.${name}`, {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${key}`,
        'Content-Type': 'application/json',
        'Connect-Timeout-Ms': String(TIMEOUT_MS),
      },
      body: JSON.stringify(request),
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CallError('The service does not answer. It may have been stopped.');
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const retry = Number(response.headers.get('Retry-After'));
  const message = MESSAGES[body?.code] ?? body?.message ?? `The service refuses this (HTTP ${response.status}).`;
  throw new CallError(message, { code: body?.code, retrySeconds: retry || null });
}

// Reads pages until one has an item, as a search can find nothing in the part that one page looks at.
export async function nextPage(name, request, field, token, signal) {
  let page;
  let next = token;
  do {
    page = await call(name, { ...request, pageToken: next }, signal);
    next = page.nextPageToken;
  } while (next && page[field].length === 0);
  return { items: page[field], next };
}
