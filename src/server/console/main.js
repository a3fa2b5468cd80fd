// The console: from the address to a page.
import { hasKey, setKey } from './calls.js';
import { contactPage, findPage } from './contacts.js';
import { announce, field, h, note } from './elements.js';
import { listPage, listsPage } from './lists.js';
import { updatePage } from './updates.js';

// A path's first part, and whether an id follows.
const PAGES = {
  'lists': listsPage,
  'lists/': listPage,
  'updates/': updatePage,
  'contacts': findPage,
  'contacts/': contactPage,
};

const main = document.getElementById('main');
const forget = document.getElementById('forget');

let running = new AbortController();

async function show() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, id] = path.split('/');
  markCurrent(name);
  forget.hidden = !hasKey();
  if (!hasKey()) return askForKey();
  const page = PAGES[id ? `${name}/` : name || 'lists'];
  if (!page) return render({ title: 'Nothing here', content: [note('There is no such page.')] });
  main.setAttribute('aria-busy', 'true');
  announce('Loading');
  try {
    const shown = await page({ id: id && decodeURIComponent(id), query: new URLSearchParams(query), signal });
    if (!signal.aborted) render(shown);
  } catch (error) {
    if (!signal.aborted) explain(error);
  }
}

function markCurrent(name) {
  const current = name === 'contacts' ? '#/contacts' : '#/lists';
  for (const link of document.querySelectorAll('nav a')) {
    const isCurrent = link.hash === current;
    if (isCurrent) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function render({ title, heading = title, content }) {
  document.title = `${title} – contact-lists`;
  const first = h('h1', { tabindex: '-1' }, heading);
  main.replaceChildren(first, ...content.flat(2));
  main.removeAttribute('aria-busy');
  announce('');
  first.focus();
  scrollTo(0, 0);
}

function explain(error) {
  if (error.code === 'unauthenticated') {
    setKey('');
    forget.hidden = true;
    return askForKey(error.message);
  }
  const wait = error.retrySeconds ? ` It asks to wait for ${error.retrySeconds} s.` : '';
  const again = h('button', { type: 'button', onclick: show }, 'Try again');
  const problem = h('p', { class: 'problem', role: 'alert' }, `${error.message}${wait}`);
  return render({ title: 'That did not work', content: [problem, again] });
}

function askForKey(problem) {
  const open = (event) => {
    event.preventDefault();
    setKey(new FormData(event.target).get('key').trim());
    show();
  };
  // Browsers offer to keep what is in a field for passwords.
  const input = field('API key', { name: 'key', class: 'secret', required: true, spellcheck: 'false' });
  const content = [
    problem ? h('p', { class: 'problem', role: 'alert' }, problem) : null,
    h('form', { class: 'key', onsubmit: open }, input, h('button', {}, 'Look')),
    note('The console only reads, with a key of any scope. It keeps the key until this page is closed or loaded again.'),
  ].filter(Boolean);
  render({ title: 'Key', heading: 'Look at your contact lists', content });
  main.querySelector('input').focus();
}

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
forget.addEventListener('click', () => {
  setKey('');
  show();
});
addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  explain(event.reason);
});
addEventListener('hashchange', show);
show();
