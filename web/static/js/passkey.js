// Passkeys. What the server offers stands in a form, or is asked for; what the device answers goes back
// in the form. Without this script nothing of it is shown, and the password opens every door.
const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

const ask = async (options, create) => {
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.allowCredentials, options.excludeCredentials]) {
    for (const c of list ?? []) c.id = bytes(c.id);
  }
  const c = await navigator.credentials[create ? 'create' : 'get']({publicKey: options});
  const r = c.response;
  const said = {clientDataJSON: text(r.clientDataJSON)};
  if (create) {
    said.attestationObject = text(r.attestationObject);
    said.transports = r.getTransports?.() ?? [];
  } else {
    said.authenticatorData = text(r.authenticatorData);
    said.signature = text(r.signature);
    if (r.userHandle) said.userHandle = text(r.userHandle);
  }
  return JSON.stringify({
    id: c.id, rawId: text(c.rawId), type: c.type, response: said, clientExtensionResults: c.getClientExtensionResults(),
    authenticatorAttachment: c.authenticatorAttachment ?? undefined,
  });
};

if (window.PublicKeyCredential) {
  for (const e of document.querySelectorAll('[data-unscripted]')) e.hidden = true;
  for (const at of document.querySelectorAll('[data-passkey]')) {
    const {passkey: act, options} = at.dataset;
    const failed = at.querySelector('[data-failed]');
    at.hidden = false;
    const go = async (fn) => {
      failed.hidden = true;
      try {
        await fn();
      } catch {
        failed.hidden = false;
      }
    };
    if (act === 'prove') {
      const button = at.querySelector('button');
      button.addEventListener('click', () => go(async () => {
        const offer = await fetch('/admin/account/passkey/again');
        at.querySelector('input').value = await ask(await offer.json(), false);
        button.hidden = true;
        at.querySelector('[data-proved]').hidden = false;
        for (const e of at.closest('form').querySelectorAll('[name=password], [name=code]')) e.closest('.field').hidden = true;
      }));
      continue;
    }
    at.addEventListener('submit', (event) => {
      event.preventDefault();
      go(async () => {
        at.elements.answer.value = await ask(JSON.parse(options), act === 'create');
        at.submit();
      });
    });
  }
}
