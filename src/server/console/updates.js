// The updates of a list, and one update with the contacts that it rejected.
import { call, nextPage } from './calls.js';
import { badge, code, growingTable, h, link, note, number, pairs, section, table, time } from './elements.js';

const ACTIONS = { ACTION_ADD: 'Add', ACTION_REMOVE: 'Remove', ACTION_OVERWRITE: 'Overwrite' };

// How many rejected contacts are shown at once.
const REJECTED_PER_PAGE = 100;

const action = (update) => (update.revert ? 'Undo' : (ACTIONS[update.action] ?? update.action));

const rejectedCount = (count) => (count > 0 ? badge('bad', number(count)) : number(count));

const words = (name, prefix) => name.replace(prefix, '').replaceAll('_', ' ').toLowerCase();

export function updatesTable(contactListId, signal) {
  const request = { contactListId, newestFirst: true };
  return growingTable({
    caption: 'Updates of the list, the latest first',
    columns: ['Applied', 'Action', '#Received', '#Created', '#Changed', '#Rejected', '#Joined', '#Left'],
    toCells: (update) => {
      const { revert, outcome } = update;
      const received = (value) => (revert ? null : number(value));
      return [
        link('updates', update.id, time(update.createTime)),
        action(update),
        received(outcome.receivedCount),
        received(outcome.createdCount),
        number(revert ? revert.restoredContactCount : outcome.updatedCount),
        revert ? null : rejectedCount(outcome.rejectedCount),
        number(revert ? revert.restoredMemberCount : outcome.addedCount),
        number(revert ? revert.removedCount : outcome.removedCount),
      ];
    },
    next: (token) =>
      nextPage('ContactListService/ListContactListUpdates', request, 'contactListUpdates', token, signal),
    empty: 'Nothing has been recorded for this list yet. Calls that fail change nothing and are not recorded.',
  });
}

export async function updatePage({ id, signal }) {
  const found = await call('ContactListService/GetContactListUpdate', { updateId: id }, signal);
  const update = found.contactListUpdate;
  const list = (update.revert ?? update.outcome).contactList;
  return {
    title: `${action(update)}: ${list.name}`,
    content: [
      pairs([
        ['List', link('lists', update.contactListId, list.name)],
        ['Applied', time(update.createTime)],
        ['Members then', number(list.contactCount)],
        ['Update', code(update.id)],
        ['request_id', update.requestId && code(update.requestId)],
        ['API key', code(update.apiKeyId)],
      ]),
      update.revert ? revertSections(update.revert) : outcomeSections(update.outcome),
    ],
  };
}

function counts(entries) {
  return h('dl', { class: 'counts' }, entries.map(([name, value]) =>
    h('div', { class: Number(value) === 0 ? 'zero' : null }, h('dt', {}, name), h('dd', {}, number(value)))));
}

function outcomeSections(outcome) {
  const outcomes = counts([
    ['received', outcome.receivedCount],
    ['created', outcome.createdCount],
    ['changed', outcome.updatedCount],
    ['unchanged', outcome.unchangedCount],
    ['duplicate', outcome.duplicateCount],
    ['rejected', outcome.rejectedCount],
  ]);
  const effects = counts([
    ['joined the list', outcome.addedCount],
    ['left the list', outcome.removedCount],
    ['opt-ins made', outcome.optedInCount],
    ['opt-outs kept', outcome.keptOptOutCount],
  ]);
  const sections = [section('Contacts', outcomes), section('Effects', effects)];
  if (outcome.rejectedCount > 0) sections.push(rejectedSection(outcome));
  return sections;
}

function rejectedSection({ rejectedCount, rejectedContacts }) {
  if (rejectedContacts.length === 0) {
    return section('Rejected contacts', note('They are no longer kept.'));
  }
  const byReason = new Map();
  for (const { reason } of rejectedContacts.flatMap((contact) => contact.violations)) {
    byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  }
  const reasons = [...byReason].sort((one, other) => other[1] - one[1]);
  const isPart = rejectedContacts.length < rejectedCount;
  const toRows = (contact) => contact.violations.map(({ reason, field, message }, index) =>
    [index === 0 ? number(contact.index) : '', code(field), message, code(shorten(reason))]);
  return section(
    'Rejected contacts',
    isPart ? note(`The first ${number(rejectedContacts.length)} of ${number(rejectedCount)} are kept.`) : null,
    counts(reasons.map(([reason, count]) => [code(shorten(reason)), count])),
    longTable(
      'Rejected contacts, by their index in the call',
      ['#Index', 'Field', 'Problem', 'Reason'],
      rejectedContacts.flatMap(toRows),
    ),
  );
}

const shorten = (reason) => reason.replace('ERROR_REASON_', '');

// A table of rows that are all there, shown part by part.
function longTable(caption, columns, rows) {
  const { element, add, body } = table(caption, columns, rows.slice(0, REJECTED_PER_PAGE));
  const left = () => rows.length - body.rows.length;
  const more = () => {
    add(rows.slice(body.rows.length, body.rows.length + REJECTED_PER_PAGE));
    button.hidden = left() === 0;
  };
  const button = h('button', { type: 'button', hidden: left() === 0, onclick: more }, 'Show more');
  return [element, button];
}

function revertSections(revert) {
  const effects = counts([
    ['left the list', revert.removedCount],
    ['are back on the list', revert.restoredMemberCount],
    ['opt-ins taken back', revert.withdrawnOptInCount],
    ['opt-outs in force again', revert.restoredOptOutCount],
    ['contacts as before', revert.restoredContactCount],
    ['erased', revert.erasedCount],
  ]);
  const undone = h('p', {}, 'It took back ', link('updates', revert.revertedUpdateId, 'an earlier update'), '.');
  const sections = [section('Undo', undone, effects)];
  if (revert.skipped.length > 0) {
    const skipped = revert.skipped.map(({ reason, count }) => [words(reason, 'REASON_'), count]);
    sections.push(section('Stayed as it is', counts(skipped)));
  }
  return sections;
}
