// A contact, found by phone, external_id or id, with its lists and what it has consented to.
import { call, nextPage } from './calls.js';
import { badge, choice, code, field, growingTable, h, link, note, pairs, section, table, time } from './elements.js';

// What a change of a preference is shown as.
const CHANGES = {
  KIND_OPTED_IN: badge.bind(null, 'good', 'Opted in'),
  KIND_OPTED_OUT: badge.bind(null, 'bad', 'Opted out'),
  KIND_LIFTED: badge.bind(null, 'plain', 'Opt-out lifted'),
  KIND_TAKEN_OVER: badge.bind(null, 'plain', 'Opt-out came with the number'),
  KIND_WITHDRAWN: badge.bind(null, 'plain', 'Opt-in undone'),
  KIND_KEPT_OUT: badge.bind(null, 'plain', 'Opt-out kept'),
};

const KINDS = [['phone', 'Phone'], ['externalId', 'External id'], ['id', 'Contact id']];

// So many channels have their names shown; others their ids.
const MAX_CHANNEL_PAGES = 10;

// The form is all there is to see. What is searched for is not in the address, which browsers remember.
export async function findPage() {
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true });
  const find = async (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    const [kind, value] = [given.get('kind'), given.get('value')];
    problem.hidden = true;
    try {
      const reference = { [kind]: kind === 'externalId' ? value : value.trim() };
      const { contact } = await call('ContactService/GetContact', reference);
      location.hash = `#/contacts/${contact.id}`;
    } catch (error) {
      if (error.code === 'unauthenticated') throw error;
      problem.textContent = error.code === 'not_found' ? 'There is no such contact.' : error.message;
      problem.hidden = false;
    }
  };
  const form = h(
    'form',
    { role: 'search', onsubmit: find },
    choice('Find by', 'kind', KINDS, 'phone'),
    field('Value', { name: 'value', required: true, maxlength: '255', spellcheck: 'false' }),
    h('button', {}, 'Find'),
  );
  return { title: 'Find a contact', content: [form, problem] };
}

export async function contactPage({ id, signal }) {
  const [found, channels] = await Promise.all([
    call('ContactService/GetContact', { id }, signal),
    channelNames(signal),
  ]);
  const { contact } = found;
  const [past, ...records] = await Promise.all([
    history(id, channels, signal),
    ...found.customObjectRecords.map((it) => record(it, signal)),
  ]);
  return {
    // Browsers remember titles.
    title: 'Contact',
    heading: contact.name || contact.phone,
    content: [
      pairs([
        ['Phone', contact.phone],
        ['External id', contact.externalId],
        ['Email', contact.email],
        ['Language', contact.language],
        ['Default channel', contact.defaultChannelId && channelName(channels, contact.defaultChannelId)],
        ['Address', contact.address && Object.values(contact.address).filter(Boolean).join(', ')],
        ['Birth date', contact.birthDate && birthDate(contact.birthDate)],
        ['Created', time(contact.createTime)],
        ['Changed', time(contact.updateTime)],
        ['Id', code(contact.id)],
      ]),
      section('Consent', consent(found.communicationPreferences, channels)),
      section('Lists', lists(found.contactLists, found.contactListMemberships)),
      section('History of consent, the earliest first', past),
      ...records,
    ],
  };
}

async function channelNames(signal) {
  const names = new Map();
  let token = '';
  for (let pages = 0; pages < MAX_CHANNEL_PAGES; pages += 1) {
    const page = await nextPage('ChannelService/ListChannels', { pageSize: 500 }, 'channels', token, signal);
    for (const channel of page.items) names.set(channel.id, channel);
    token = page.next;
    if (!token) break;
  }
  return names;
}

function channelName(channels, id) {
  const channel = channels.get(id);
  if (!channel) return code(id);
  return channel.phone ? `${channel.name} (${channel.phone})` : channel.name;
}

function birthDate({ year, month, day }) {
  // Any leap year has all days.
  const date = new Date(Date.UTC(year || 2000, month - 1, day));
  const options = { year: year ? 'numeric' : undefined, month: 'long', day: 'numeric', timeZone: 'UTC' };
  return date.toLocaleDateString(undefined, options);
}

function consent(preferences, channels) {
  if (preferences.length === 0) return note('This contact has opted neither in to nor out of any channel.');
  const columns = ['Channel', 'Said', 'When', 'Source and evidence', 'Recorded', 'By'];
  const rows = preferences.map((preference) => [
    preference.allChannels ? 'All channels' : channelName(channels, preference.channelId),
    preference.optedIn ? badge('good', 'Opted in') : badge('bad', 'Opted out'),
    time(preference.consent?.collectTime ?? preference.changeTime),
    evidence(preference.consent),
    time(preference.changeTime),
    recorder(preference),
  ]);
  return table('What the contact has consented to, by channel', columns, rows).element;
}

const recorder = ({ updateId, apiKeyId }) =>
  updateId ? link('updates', updateId, 'an update') : h('span', {}, 'key ', code(apiKeyId));

function history(id, channels, signal) {
  return growingTable({
    caption: 'What the contact has consented to in the past, the earliest first',
    columns: ['Channel', 'Said', 'When', 'Source and evidence', 'Recorded', 'By'],
    toCells: (change) => [
      change.allChannels ? 'All channels' : channelName(channels, change.channelId),
      CHANGES[change.kind]?.() ?? change.kind,
      time(change.collectTime),
      evidence(change.consent),
      time(change.changeTime),
      recorder(change),
    ],
    next: (token) => nextPage(
      'CommunicationPreferenceService/ListPreferenceChanges', { contact: { id } }, 'preferenceChanges', token, signal,
    ),
    empty: 'Nothing has been said yet.',
  });
}

function evidence(consent) {
  const source = consent?.source?.replace('SOURCE_', '').replaceAll('_', ' ').toLowerCase();
  const parts = [source === 'unspecified' ? null : source, consent?.evidence];
  return parts.filter(Boolean).join(': ') || null;
}

function lists(contactLists, memberships) {
  if (contactLists.length === 0) return note('This contact is on no list.');
  const rows = contactLists.map((list, index) => {
    const { joinTime, updateId } = memberships[index];
    return [link('lists', list.id, list.name), time(joinTime), updateId ? link('updates', updateId, 'an update') : null];
  });
  return table('The lists that the contact is on', ['List', 'Since', 'By'], rows).element;
}

async function record({ customObjectId, properties }, signal) {
  const { customObject } = await call('CustomObjectService/GetCustomObject', { id: customObjectId }, signal);
  const entries = Object.entries(properties ?? {}).map(([key, value]) =>
    [key, typeof value === 'string' ? value : JSON.stringify(value)]);
  return section(customObject.label || customObject.key, pairs(entries));
}
