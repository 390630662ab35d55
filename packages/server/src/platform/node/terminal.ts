import { text } from 'node:stream/consumers';
import { PromptCancelled, type Terminal } from '../terminal.ts';

/** Longest answer to a question; what is longer was no password but a file pasted by mistake. */
const MAX_ANSWER_LENGTH = 4_096;

export function createNodeTerminal(): Terminal {
  return {
    print: (line) => void process.stdout.write(`${line}\n`),
    printError: (line) => void process.stderr.write(`${line}\n`),
    isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    askSecret,
    readInput: () => text(process.stdin),
  };
}

/**
 * In raw mode the terminal shows nothing by itself. The question goes to standard error, so that output can be piped.
 */
function askSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let answer = '';
    function finish(): void {
      stdin.off('data', read);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
    }
    function read(typed: string): void {
      for (const character of typed) {
        if (character === '\r' || character === '\n') {
          finish();
          resolve(answer);
          return;
        }
        if (character === '\u0003' || character === '\u0004' || answer.length > MAX_ANSWER_LENGTH) {
          finish();
          reject(new PromptCancelled());
          return;
        }
        answer = character === '\u007f' || character === '\b' ? answer.slice(0, -1) : answer + character;
      }
    }
    stdin.on('data', read);
  });
}
