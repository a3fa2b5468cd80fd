// The lists, and one list with its last updates.
import { call, nextPage } from './calls.js';
import { badge, choice, code, field, growingTable, h, link, number, pairs, plural, section, time } from './elements.js';
import { updatesTable } from './updates.js';

const STATES = { STATE_ACTIVE: 'Active', STATE_ARCHIVED: 'Archived', STATE_DELETED: 'Deleted' };

const state = (list) => badge(list.state === 'STATE_ACTIVE' ? 'good' : 'plain', STATES[list.state] ?? list.state);

function name(list) {
  const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  if (list.color) dot.style.backgroundColor = list.color;
  return [dot, list.name];
}

export async function listsPage({ query, signal }) {
  const [prefix, chosen] = [query.get('name') ?? '', query.get('state') ?? ''];
  const search = (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    const filters = new URLSearchParams([...given].filter(([, value]) => value !== ''));
    location.hash = `#/lists?${filters}`;
  };
  const states = [['', 'Active and archived'], ...Object.entries(STATES)];
  const form = h(
    'form',
    { role: 'search', onsubmit: search },
    field('Name begins with', { name: 'name', type: 'search', value: prefix, maxlength: '255' }),
    choice('State', 'state', states, chosen),
    h('button', {}, 'Search'),
  );
  const request = { ...(prefix && { namePrefix: prefix }), ...(chosen && { state: chosen }) };
  const table = await growingTable({
    caption: 'Contact lists',
    columns: ['Name', '#Contacts', 'State', 'Created', 'Changed'],
    toCells: (list) => [
      link('lists', list.id, name(list)),
      number(list.contactCount),
      state(list),
      time(list.createTime),
      time(list.updateTime),
    ],
    next: (token) => nextPage('ContactListService/ListContactLists', request, 'contactLists', token, signal),
    empty: prefix || chosen ? 'No list is like that. Capital and small letters differ.' : 'There is no list yet.',
  });
  return { title: 'Lists', content: [form, table] };
}

export async function listPage({ id, signal }) {
  const { contactList: list } = await call('ContactListService/GetContactList', { id }, signal);
  const updates = await updatesTable(id, signal);
  return {
    title: list.name,
    heading: name(list),
    content: [
      h('p', { class: 'lead' }, plural(list.contactCount, 'contact', 'contacts'), ' ', state(list)),
      pairs([
        ['Created', time(list.createTime)],
        ['Settings changed', time(list.updateTime)],
        ['Version', number(list.version)],
        ['Id', code(list.id)],
      ]),
      section('Updates, the latest first', updates),
    ],
  };
}
