import { DUMMY, PASSWORD, REGISTRATION_TOKEN } from '../../services/accounts/authentication-stages.ts';
import type { OpenStage } from '../../services/accounts/user-interactive-authentication.ts';
import type { HttpAnswer } from '../http-answer.ts';
import { type Markup, markup } from './markup.ts';
import { pageAnswer } from './page.ts';

/** What went wrong with what was typed, and the status and headers that a client would have been told it with. */
export interface StageFault {
  readonly text: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where the user passes a stage. It says for whom and for what: a link to it may have come from anybody. */
export function stagePage(authType: string, { purpose, userId }: OpenStage, fault?: StageFault): HttpAnswer {
  const who =
    userId === undefined ? markup`An app wants to` : markup`An app that is logged in as <b>${userId}</b> wants to`;
  const content = markup`<h1>Is this you?</h1>
<p>${who} ${purpose}. If that was not you, close this page.</p>
<form method="post">
<p class="fault" id="fault" role="alert">${fault?.text}</p>
${fieldsOf(authType, userId)}
<button>Confirm</button>
</form>`;
  const title = fault === undefined ? 'Is this you?' : 'Error: Is this you?';
  return pageAnswer(fault?.status ?? 200, { title, content, forms: 'to this server' }, fault?.headers);
}

function fieldsOf(authType: string, userId: string | undefined): Markup {
  switch (authType) {
    case PASSWORD:
      return markup`<input type="hidden" autocomplete="username" value="${userId}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
  aria-describedby="fault" required autofocus>`;
    case REGISTRATION_TOKEN:
      return markup`<label for="token">Registration token</label>
<input id="token" name="token" autocomplete="off" autocapitalize="none" spellcheck="false"
  aria-describedby="fault" required autofocus>`;
    case DUMMY:
      return markup``;
    default:
      throw new Error(`There is no page for ${authType}`);
  }
}

/** The stage is passed: the client is told, and the user where it goes on. */
export function passedPage(): HttpAnswer {
  const content = markup`<h1>Thank you</h1>
<p>Go on in your app. You may close this page.</p>`;
  return pageAnswer(200, { title: 'Thank you', content, script: TELL_CLIENT, forms: 'nowhere' });
}

/** No such session, or none that asks for this. */
export function noStagePage(): HttpAnswer {
  const content = markup`<h1>There is nothing to do here</h1>
<p>What this page was for is done, or was begun too long ago. Go back to your app, and try it once more there.</p>`;
  return pageAnswer(404, { title: 'There is nothing to do here', content, forms: 'nowhere' });
}

/**
 * The function of a client that shows the page in itself, or else a message to the window that opened it. The function
 * may come only when the page has been loaded. Specification: client-server API, "Fallback".
 */
const TELL_CLIENT = `
'use strict';
function tellClient() {
  if (window.onAuthDone) {
    window.onAuthDone();
    return true;
  }
  if (window.opener && window.opener.postMessage) {
    window.opener.postMessage('authDone', '*');
    return true;
  }
  return false;
}
if (!tellClient()) window.addEventListener('load', tellClient);
`;
