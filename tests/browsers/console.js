// console.js BINARY: the console of the built program, as a person uses it in a browser.
//
// With PICTURES, a folder, the pages are saved there as pictures.
'use strict';

const assert = require('assert');
const { after, before, test } = require('node:test');
const { launch, startService } = require('./chromium');

const { PICTURES } = process.env;
const MARKUP = '<img src=x onerror="document.title=1"> & <b>Friends</b>';
const PHONE = { width: 360, height: 740 };
const SCREEN = { width: 1000, height: 720 };

let service;
let browser;
let stored;

// A list with updates, rejected contacts, an undo and a contact who has opted in and out.
async function store() {
  const { call } = service;
  const list = async (name, color) => (await call('POST', '/v1/contact_lists', { name, color })).contactList.id;
  const put = (id, body) => call('PUT', `/v1/contact_lists/${id}/contacts`, body);
  const numbers = (from, count) => [...Array(count).keys()].map((n) => ({ phone: `+49151234${10000 + from + n}` }));
  const customers = await list('Customers', '#3366cc');
  await list(MARKUP, '#cc6633');
  await list('Archive 2024');
  for (let n = 1; n <= 60; n += 1) await list(`Region ${n}`);
  const ada = {
    phone: '+4915123456789', externalId: 'crm-17', name: 'Ada Example', email: 'ada@example.com', language: 'en',
    birthDate: { month: 12, day: 10 }, address: { city: 'London', country: 'GB' }, properties: { plan: 'pro' },
  };
  await put(customers, { action: 'overwrite', contacts: [ada, ...numbers(0, 120)] });
  const bad = [{ phone: '12' }, { phone: '+4915123499999', email: 'nonsense', language: '?' }];
  const mixed = [...numbers(100, 40), ...bad, ...Array(130).fill({ phone: 'unknown' })];
  const update = await put(customers, { action: 'add', rejectionPolicy: 'skip', contacts: mixed });
  const removal = await put(customers, { action: 'remove', contacts: numbers(0, 5) });
  await call('POST', `/v1/contact_list_updates/${removal.updateId}:revert`, {});
  const consent = { source: 'SOURCE_MESSAGE', evidence: 'STOP', collectTime: '2026-01-05T09:30:00Z' };
  const optOut = { contacts: [{ phone: ada.phone }], allChannels: true, consent };
  await call('POST', '/v1/communication_preferences:opt_out', optOut);
  const { contact } = await call('GET', `/v1/contacts:lookup?external_id=crm-17`);
  return { customers, update: update.updateId, contact: contact.id };
}

before(async () => {
  service = await startService(process.argv[2]);
  stored = await store();
  browser = await launch();
});
after(async () => {
  await browser.close();
  await service.stop();
});

// Runs a test in a browser of its own, whose page must report no error.
function inBrowser(name, run, { dark = false, viewport = SCREEN } = {}) {
  test(name, async () => {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      // A refused call is reported as well.
      if (message.type() === 'error' && !message.text().includes('the server responded')) problems.push(message.text());
    });
    await page.setViewport(viewport);
    await page.emulateTimezone('Europe/Berlin');
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
    await run(page);
    await context.close();
    assert.deepStrictEqual(problems, []);
  });
}

const heading = (page, text) =>
  page.waitForFunction((it) => document.querySelector('h1')?.textContent === it, {}, text);

// What is to be seen, with one space where there is any.
const text = (page, selector = 'main') =>
  page.$eval(selector, (element) => element.innerText.replace(/\s+/g, ' ').trim());

async function open(page, path = '') {
  // Another path alone would load nothing.
  await page.goto('about:blank');
  await page.goto(`${service.console}#/${path}`);
  await page.locator('input[name=key]').fill(service.key);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.querySelector('input[name=key]') && !document.querySelector('[aria-busy]'));
}

async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/console-${name}.png`, fullPage: false });
}

// The element that has the focus: its name for those who hear the page, or its text.
const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  return element.labels?.[0]?.innerText ?? element.innerText.trim();
});

inBrowser('the lists are shown with their sizes', async (page) => {
  await open(page, 'lists');
  await heading(page, 'Lists');
  assert.match(await text(page), /Customers 141 Active/);
  assert.strictEqual((await page.$$('tbody tr')).length, 50);
  await picture(page, 'lists');
});

inBrowser('a further page of lists is added below, and its first link has the focus', async (page) => {
  await open(page, 'lists');
  await page.locator('::-p-text(Show more)').click();
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length > 50);
  const name = await page.$eval('tbody tr:nth-child(51) a', (link) => link.innerText);
  assert.strictEqual(await focused(page), name);
  assert.strictEqual(await page.$eval('main > button', (button) => button.checkVisibility()), false);
});

inBrowser('a list is searched by how its name begins', async (page) => {
  await open(page, 'lists');
  await page.locator('input[name=name]').fill('Region 5');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 11);
  await page.locator('input[name=name]').fill('region 5');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => !document.querySelector('table'));
  assert.match(await text(page), /No list is like that/);
});

inBrowser('a name that is markup is shown as text', async (page) => {
  await open(page, 'lists');
  await page.locator('input[name=name]').fill('<img');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.locator('tbody a').click();
  await heading(page, MARKUP);
  assert.strictEqual(await page.$('main img, main b'), null);
  assert.match(await text(page), /Nothing has been recorded for this list yet/);
});

inBrowser('a list is shown with its updates, the latest first', async (page) => {
  await open(page, `lists/${stored.customers}`);
  await heading(page, 'Customers');
  const actions = await page.$$eval('tbody tr', (rows) => rows.map((row) => row.cells[1].innerText));
  assert.deepStrictEqual(actions, ['Undo', 'Remove', 'Add', 'Overwrite']);
  const cells = await page.$$eval('tbody tr', (rows) => [...rows[2].cells].slice(2).map((cell) => cell.innerText));
  assert.deepStrictEqual(cells, ['172', '20', '0', '132', '20', '0']);
  await picture(page, 'list');
});

inBrowser('an update is shown with its outcome, its reasons and its rejected contacts', async (page) => {
  await open(page, `updates/${stored.update}`);
  await heading(page, 'Add: Customers');
  const shown = await text(page);
  assert.match(shown, /rejected 132/);
  assert.match(shown, /EMAIL_INVALID/);
  assert.match(shown, /41 email .* EMAIL_INVALID language .* LANGUAGE_INVALID/);
  await page.locator('::-p-text(Show more)').click();
  assert.strictEqual((await page.$$('tbody tr')).length, 133);
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, 'update');
});

inBrowser('an undo is shown with what it took back', async (page) => {
  await open(page, `lists/${stored.customers}`);
  await page.locator('tbody a').click();
  await heading(page, 'Undo: Customers');
  assert.match(await text(page), /are back on the list 5/);
  await page.locator('::-p-text(an earlier update)').click();
  await heading(page, 'Remove: Customers');
});

for (const [kind, value] of [['phone', '+49 151 23456789'], ['externalId', 'crm-17'], ['id', null]]) {
  inBrowser(`a contact is found by ${kind}, with its lists and its consent`, async (page) => {
    await open(page, 'contacts');
    await page.select('select', kind);
    await page.locator('input[name=value]').fill(value ?? stored.contact);
    await page.keyboard.press('Enter');
    await heading(page, 'Ada Example');
    const shown = await text(page);
    assert.match(shown, /\+4915123456789 .* crm-17 .* ada@example.com/);
    assert.match(shown, /Birth date December 10/);
    assert.match(shown, /All channels Opted out Jan 5, 2026, 10:30 AM message: STOP/);
    assert.match(shown, /Lists .* Customers .* an update/);
    assert.match(shown, /History .* Opted in .* Opted out Jan 5, 2026, 10:30 AM message: STOP/);
    assert.match(shown, /plan pro/);
    // Browsers remember addresses and titles.
    assert.strictEqual(new URL(page.url()).hash, `#/contacts/${stored.contact}`);
    assert.strictEqual(await page.title(), 'Contact – contact-lists');
  });
}

inBrowser('a contact that there is not is said not to be there', async (page) => {
  await open(page, 'contacts');
  await page.locator('input[name=value]').fill('+4915123456700');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=alert]:not([hidden])');
  assert.strictEqual(await text(page, '[role=alert]'), 'There is no such contact.');
});

inBrowser('times are in the zone of the reader, with that of UTC as the title', async (page) => {
  await open(page, `updates/${stored.update}`);
  const [title, instant, shown] = await page.$eval('time', (it) => [it.title, it.dateTime, it.innerText]);
  assert.match(title, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  const options = { dateStyle: 'medium', timeStyle: 'short', timeZone: 'Europe/Berlin' };
  const language = await page.evaluate(() => navigator.language);
  assert.strictEqual(shown, new Intl.DateTimeFormat(language, options).format(new Date(instant)));
});

inBrowser('a wrong key is said to be wrong, and asked for again', async (page) => {
  await page.goto(`${service.console}#/lists`);
  for (const wrong of ['cl_nonsense', 'ключ']) {
    await page.locator('input[name=key]').fill(wrong);
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=alert]');
    assert.match(await text(page, '[role=alert]'), /does not know this key/);
  }
  assert.strictEqual(await focused(page), 'API key');
  await picture(page, 'key');
});

inBrowser('the key is kept nowhere but in the memory of the page', async (page) => {
  await open(page, 'lists');
  const kept = await page.evaluate(async () => [
    document.cookie, localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, location.href,
    document.documentElement.outerHTML,
  ]);
  assert.deepStrictEqual(kept.slice(0, 4), ['', 0, 0, 0]);
  assert(!kept.join().includes(service.key));
  await page.reload();
  await page.waitForSelector('input[name=key]');
});

inBrowser('a key is neither shown while it is typed nor offered to be kept', async (page) => {
  await page.goto(service.console);
  await page.waitForSelector('input[name=key]');
  const [type, autocomplete, shown] = await page.$eval('input[name=key]', (input) =>
    [input.type, input.autocomplete, getComputedStyle(input).webkitTextSecurity]);
  assert.deepStrictEqual([type, autocomplete, shown], ['text', 'off', 'disc']);
});

inBrowser('a key that is forgotten is asked for again', async (page) => {
  await open(page, 'lists');
  await page.locator('#forget').click();
  await page.waitForSelector('input[name=key]');
  assert.strictEqual(await page.$eval('input[name=key]', (input) => input.value), '');
  assert.strictEqual(await page.$('table'), null);
});

inBrowser('an overloaded service is said to be overloaded, and can be asked again', async (page) => {
  await page.setRequestInterception(true);
  let refused = 0;
  page.on('request', (request) => {
    if (request.method() !== 'POST' || refused > 0) return request.continue();
    refused += 1;
    const body = JSON.stringify({ code: 'resource_exhausted', message: 'too many calls', details: [] });
    return request.respond({ status: 429, headers: { 'Retry-After': '2' }, contentType: 'application/json', body });
  });
  await open(page, 'lists');
  assert.match(await text(page, '[role=alert]'), /overloaded.*wait for 2 s/);
  await page.locator('::-p-text(Try again)').click();
  await heading(page, 'Lists');
});

inBrowser('everything can be reached with the keyboard alone', async (page) => {
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  const tabTo = async (name) => {
    for (let tabs = 0; tabs < 40; tabs += 1) {
      if ((await focused(page)).startsWith(name)) return;
      await press('Tab');
    }
    assert.fail(`${name} is not reached`);
  };
  await page.goto(service.console);
  await page.waitForSelector('input[name=key]');
  assert.strictEqual(await focused(page), 'API key');
  await page.keyboard.type(service.key);
  await press('Enter');
  await heading(page, 'Lists');
  assert.strictEqual(await focused(page), 'Lists');
  await tabTo('Name begins with');
  await page.keyboard.type('Cust');
  await press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await tabTo('Customers');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  assert.strictEqual(outline, '3px');
  await press('Enter');
  await heading(page, 'Customers');
  await press('Tab', 'Enter');
  await heading(page, 'Undo: Customers');
  await page.reload();
  await page.waitForSelector('input[name=key]');
  // From the end of the page, the first link skips what is on every page.
  await page.evaluate(() => document.activeElement.blur());
  await page.evaluate(() => document.querySelector('.brand').focus());
  await page.keyboard.down('Shift');
  await press('Tab');
  await page.keyboard.up('Shift');
  assert.strictEqual(await focused(page), 'Skip to content');
  await press('Enter');
  assert.strictEqual(await page.evaluate(() => document.activeElement.id), 'main');
});

inBrowser('every field has a label, and the page has its landmarks', async (page) => {
  for (const path of ['lists', 'contacts', `updates/${stored.update}`]) {
    await open(page, path);
    const tree = await page.accessibility.snapshot({ interestingOnly: false });
    const all = (node) => [node, ...(node.children ?? []).flatMap(all)];
    const nodes = all(tree);
    for (const role of ['banner', 'navigation', 'main']) {
      assert(nodes.some((node) => node.role === role), `${path} has no ${role}`);
    }
    const operable = ['textbox', 'searchbox', 'combobox', 'button', 'link'];
    const nameless = nodes.filter((node) => operable.includes(node.role) && !node.name);
    assert.deepStrictEqual(nameless, []);
  }
});

for (const dark of [false, true]) {
  inBrowser(`pages are as wide as a phone, in ${dark ? 'dark' : 'light'} colors that can be told apart`, async (page) => {
    const paths = [
      ['lists', 'lists'], ['list', `lists/${stored.customers}`], ['update', `updates/${stored.update}`],
      ['find', 'contacts'], ['contact', `contacts/${stored.contact}`],
    ];
    for (const [name, path] of paths) {
      await open(page, path);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert(width <= PHONE.width, `${path} is ${width} wide`);
      assert.deepStrictEqual(await page.evaluate(faint), []);
      await picture(page, `phone-${name}${dark ? '-dark' : ''}`);
    }
  }, { dark, viewport: { ...PHONE, isMobile: true, hasTouch: true } });
}

inBrowser('dark colors can be told apart', async (page) => {
  await open(page, `contacts/${stored.contact}`);
  assert.deepStrictEqual(await page.evaluate(faint), []);
  await picture(page, 'contact-dark');
}, { dark: true });

// In the page: the text whose contrast with what is behind it is less than 4.5, as WCAG's level AA has it.
function faint() {
  const parse = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const linear = parse(color).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return parse(color)[3] === 0 ? behind(element.parentElement) : color;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('.unseen, noscript')) continue;
    const both = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (both[0] + 0.05) / (both[1] + 0.05);
    if (contrast < 4.5) found.push([walker.currentNode.data, contrast]);
  }
  return found;
}
