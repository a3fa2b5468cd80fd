// Elements of a page. Whatever is stored becomes text, never markup.

// Makes an element. An attribute that is null or false is left out; a child that is null too.
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute === 'onclick' || attribute === 'onsubmit') {
      element.addEventListener(attribute.slice(2), value);
    } else if (value !== null && value !== false) {
      element.setAttribute(attribute, value === true ? '' : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

const NONE = '–';

const numbers = new Intl.NumberFormat();
const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

// 64-bit integers arrive as strings.
export const number = (value) => numbers.format(Number(value ?? 0));

export const plural = (count, one, many) => `${number(count)} ${Number(count) === 1 ? one : many}`;

// A time in the reader's own zone, with that of UTC as its title.
export function time(text) {
  if (!text) return NONE;
  const utc = text.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
  return h('time', { datetime: text, title: utc }, times.format(new Date(text)));
}

export const link = (path, id, text) => h('a', { href: `#/${path}/${encodeURIComponent(id)}` }, text);

export const code = (text) => h('code', {}, text);

export const badge = (kind, text) => h('span', { class: `badge ${kind}` }, text);

export const note = (...content) => h('p', { class: 'note' }, ...content);

// Name and value, without the pairs that have no value.
export function pairs(entries) {
  const shown = entries.filter(([, value]) => value !== undefined && value !== null && value !== '');
  return h('dl', {}, shown.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

// A part of a page with a heading of its own.
export const section = (heading, ...content) => h('section', {}, h('h2', {}, heading), ...content);

// A table. A column is its name, with "#" in front if it has numbers. On a narrow screen each cell has its column's name.
export function table(caption, columns, rows) {
  const names = columns.map((column) => column.replace('#', ''));
  const kind = (index) => (columns[index].startsWith('#') ? 'number' : null);
  const toCell = (content, index) =>
    h('td', { class: kind(index), 'data-name': names[index] || null }, h('div', {}, content ?? NONE));
  const toRow = (cells) => h('tr', {}, cells.map(toCell));
  const heads = names.map((name, index) => h('th', { scope: 'col', class: kind(index) }, name));
  const body = h('tbody', {}, rows.map(toRow));
  const element = h('table', {}, h('caption', { class: 'unseen' }, caption), h('thead', {}, h('tr', {}, heads)), body);
  return { element, add: (more) => body.append(...more.map(toRow)), body };
}

// A table that grows by a page at a time. `next` returns the items of a page and the token of the one after it.
export async function growingTable({ caption, columns, toCells, next, empty }) {
  const first = await next('');
  if (first.items.length === 0) return note(empty);
  const { element, add, body } = table(caption, columns, first.items.map(toCells));
  let token = first.next;
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true });
  const button = h('button', { type: 'button', hidden: !token, onclick: more }, 'Show more');
  async function more() {
    button.disabled = true;
    try {
      const page = await next(token);
      const seen = body.rows.length;
      add(page.items.map(toCells));
      token = page.next;
      button.hidden = !token;
      problem.hidden = true;
      announce(`${plural(page.items.length, 'row', 'rows')} more`);
      // Where the reader goes on, even if the button is gone.
      body.rows[seen]?.querySelector('a')?.focus();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  }
  return [element, problem, button];
}

// Says something to those who listen to the page.
export function announce(text) {
  document.getElementById('status').textContent = text;
}

// A text field with its label.
export function field(label, attributes) {
  return h('label', { class: 'field' }, h('span', {}, label), h('input', { autocomplete: 'off', ...attributes }));
}

// A choice with its label: the values with their names.
export function choice(label, name, values, chosen) {
  const options = values.map(([value, text]) => h('option', { value, selected: value === chosen }, text));
  return h('label', { class: 'field' }, h('span', {}, label), h('select', { name }, options));
}
