// The admin's script. Every page works without it; it only saves steps: copying, keys.
(() => {
  'use strict';
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const words = document.body.dataset;
  document.documentElement.classList.add('scripted');

  // Copying. What is copied stands on the page in Latin digits, so that a bank's form takes it.
  const copyButton = (text, name) => {
    const b = document.createElement('button');
    b.type = 'button';
    b.className = 'copier';
    b.textContent = words.copy;
    b.setAttribute('aria-label', words.copy + ' ' + name);
    const say = (word) => {
      b.textContent = word;
      b.setAttribute('aria-label', word);
      told.textContent = word;
      setTimeout(() => { b.textContent = words.copy; b.setAttribute('aria-label', words.copy + ' ' + name); }, 2000);
    };
    b.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text());
        say(words.copied);
      } catch {
        say(words.copyFailed);
      }
    });
    return b;
  };
  const told = document.createElement('p');
  told.className = 'hidden';
  told.setAttribute('role', 'status');
  document.body.append(told);
  for (const field of all('input[data-copy]')) {
    field.addEventListener('focus', () => field.select());
    field.after(copyButton(() => field.value, field.getAttribute('aria-label')));
  }
  for (const value of all('.facts bdi.ltr')) {
    const name = value.closest('div').querySelector('dt');
    value.after(copyButton(() => value.textContent.trim(), name ? name.textContent : ''));
  }

  // Printing: the browser's own menu does it without us.
  for (const b of all('button[data-print]')) {
    b.hidden = false;
    b.addEventListener('click', () => window.print());
  }

  // Keys. They can be switched off (WCAG 2.1.4), and never count while somebody types.
  const help = document.getElementById('keys');
  if (!help) return;
  const on = () => { try { return localStorage.getItem('keys') !== 'off'; } catch { return true; } };
  const box = help.querySelector('input');
  box.checked = on();
  box.addEventListener('change', () => { try { localStorage.setItem('keys', box.checked ? 'on' : 'off'); } catch { /* it lasts for this page */ } });
  const typing = (e) => e && (e.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(e.tagName) && !/^(checkbox|radio|button|submit)$/.test(e.type));
  const row = (step) => {
    const links = all('.list tbody tr, .queue li').map((r) => r.querySelector('a')).filter((a) => a && a.checkVisibility());
    const at = links.indexOf(document.activeElement.closest('tr, li')?.querySelector('a'));
    links[Math.min(Math.max(at + step, 0), links.length - 1)]?.focus();
  };
  const toSearch = () => {
    const q = document.getElementById('q');
    if (q) q.select(); else location.assign(help.dataset.search);
  };
  if (location.hash === '#q') document.getElementById('q')?.focus();
  let before = '';
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(e.target)) return;
    if ((e.key === '?' || e.key === '؟') && !help.open) { e.preventDefault(); help.showModal(); return; }
    if (help.open || !box.checked) return;
    // By the key's place where the layout is Persian: nobody changes it to press j.
    const latin = /^[a-z/?]$/i.test(e.key) ? e.key.toLowerCase() : {Slash: '/'}[e.code] ?? (e.code.startsWith('Key') ? e.code.slice(3).toLowerCase() : '');
    const key = before === 'g' ? 'g ' + latin : latin;
    before = key === 'g' ? 'g' : '';
    if (key === 'j') row(1);
    else if (key === 'k') row(-1);
    else if (key === '/') toSearch();
    else {
      const link = document.querySelector(`a[data-key="${key}"]`);
      if (!link || !key) return;
      link.click();
    }
    e.preventDefault();
  });
  for (const b of all('[data-keys]')) b.addEventListener('click', (e) => { e.preventDefault(); help.showModal(); });
})();
