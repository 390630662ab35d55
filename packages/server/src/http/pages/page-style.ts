/** How our pages look, by day and by night. Contrasts are 4.5 to 1 at least. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f2f5f4;
  --sheet: #ffffff;
  --text: #17201e;
  --quiet: #51605c;
  --line: #7d8b87;
  --accent: #0b6b58;
  --on-accent: #ffffff;
  --fault: #a5182b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111615;
    --sheet: #1a2120;
    --text: #e8efed;
    --quiet: #a3b3af;
    --line: #6d7d79;
    --accent: #5fd0b5;
    --on-accent: #08201a;
    --fault: #ff9ba3;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  min-height: 100vh;
  display: grid;
  place-items: center;
  padding: 1rem;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}
main {
  width: 100%;
  max-width: 26rem;
  padding: 2rem 1.75rem;
  background: var(--sheet);
  border-radius: 1rem;
  box-shadow: 0 1px 3px rgb(0 0 0 / 12%), 0 8px 32px rgb(0 0 0 / 8%);
  overflow-wrap: anywhere;
}
h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
p:last-child { margin-bottom: 0; }
.quiet { color: var(--quiet); }
.fault { color: var(--fault); font-weight: 600; }
.fault:empty { display: none; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input, button { width: 100%; min-height: 2.75rem; font: inherit; border-radius: .5rem; }
input { padding: .5rem .75rem; color: inherit; background: var(--ground); border: 1px solid var(--line); }
button {
  margin-top: 1.5rem;
  padding: .5rem 1rem;
  border: 0;
  background: var(--accent);
  color: var(--on-accent);
  font-weight: 600;
  cursor: pointer;
}
button:disabled { opacity: .6; cursor: default; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;
