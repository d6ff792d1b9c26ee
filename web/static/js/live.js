// A form that is read by the server while it is typed in: the same form, sent with act=count, comes back
// with what it says, and the marked parts of the page are put in place of the old ones. Every page works
// without it. It asks nobody but the page's own server.
(() => {
  'use strict';
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  for (const form of all('form[data-live]')) {
    let timer, asking;
    const send = async (act) => {
      asking?.abort();
      asking = new AbortController();
      const body = new URLSearchParams(new FormData(form));
      body.set('act', act);
      const answer = await fetch(form.action, {method: 'POST', body, signal: asking.signal, redirect: 'error'});
      if (!answer.ok) throw new Error(answer.statusText);
      return new DOMParser().parseFromString(await answer.text(), 'text/html');
    };
    const swap = (page, selector) => {
      for (const old of all(selector)) {
        const fresh = page.getElementById(old.id);
        if (fresh && fresh.innerHTML !== old.innerHTML) old.replaceChildren(...fresh.childNodes);
      }
    };
    form.addEventListener('input', (e) => {
      if (!e.target.closest('[data-counted]')) return;
      clearTimeout(timer);
      timer = setTimeout(() => send('count').then((page) => swap(page, '[data-read]'), () => {}), 150);
    });
    form.addEventListener('click', (e) => {
      const more = e.target.closest('button[value=more]');
      if (!more) return;
      e.preventDefault();
      clearTimeout(timer);
      send('more').then((page) => {
        const rows = all('[name^=item_title]', form).length;
        swap(page, '[data-lines]');
        swap(page, '[data-read]');
        all('[name^=item_title]', form)[rows]?.focus();
      }, () => form.requestSubmit(more));
    });
  }
})();
