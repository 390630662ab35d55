import type { HttpAnswer } from '../http-answer.ts';
import { markup } from './markup.ts';
import { pageAnswer } from './page.ts';

/**
 * Logs in for a client that knows none of our ways to, and hands it what it got. Nothing is sent as long as no client
 * waits for it: nobody would have the session. Specification: client-server API, "Login Fallback".
 */
export function loginPage(serverName: string): HttpAnswer {
  const content = markup`<h1>Log in</h1>
<p class="quiet">to ${serverName}, for the app that opened this page.</p>
<form method="post">
<p class="fault" id="fault" role="alert"></p>
<label for="user">User name</label>
<input id="user" autocomplete="username" autocapitalize="none" spellcheck="false"
  aria-describedby="fault" required autofocus>
<label for="password">Password</label>
<input id="password" type="password" autocomplete="current-password" aria-describedby="fault" required>
<button disabled>Log in</button>
</form>
<noscript><p class="fault">This page needs JavaScript to hand the session to your app.</p></noscript>`;
  return pageAnswer(200, { title: `Log in to ${serverName}`, content, script: SCRIPT, forms: 'nowhere' });
}

/** Clients put their function into `matrixLogin` once the page is there, so the object has to be there by then. */
const SCRIPT = `
'use strict';
window.matrixLogin = window.matrixLogin || {};
const form = document.querySelector('form');
const fault = document.querySelector('#fault');
const button = document.querySelector('button');
const url = location.pathname.replace(/\\/static\\/client\\/login\\/?$/, '/client/v3/login');

function loginRequest() {
  const asked = new URLSearchParams(location.search);
  const request = {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: form.elements.user.value.trim() },
    password: form.elements.password.value,
  };
  for (const name of ['device_id', 'initial_device_display_name']) {
    if (asked.has(name)) request[name] = asked.get(name);
  }
  if (asked.get('refresh_token') === 'true') request.refresh_token = true;
  return request;
}

async function logIn() {
  const body = JSON.stringify(loginRequest());
  const headers = { 'content-type': 'application/json' };
  const answer = await window.fetch(url, { method: 'POST', headers, body });
  const response = await answer.json();
  if (!answer.ok) throw new Error(response.error);
  form.hidden = true;
  document.querySelector('h1').textContent = 'You are logged in';
  document.querySelector('.quiet').textContent = 'Go on in your app.';
  window.matrixLogin.onLogin(response);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  fault.textContent = '';
  if (typeof window.matrixLogin.onLogin !== 'function') {
    fault.textContent = 'No app waits for this page. Open it from your app.';
    return;
  }
  button.disabled = true;
  try {
    await logIn();
  } catch (error) {
    fault.textContent = error instanceof TypeError ? 'The server could not be reached. Try again.' : error.message;
  }
  button.disabled = false;
});
button.disabled = false;
`;
