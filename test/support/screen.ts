// A terminal that obeys only the escape sequences of this program, and fails at any other control character.
import assert from 'node:assert/strict';

/** Colours, the alternate screen, the cursor, the wrap at the margin, home, and what erases the rest of a line or of the screen. */
const COLOUR = '\x1b[[](?:0|1|2|31|32|33)m';
const OWN = new RegExp(`^(?:${COLOUR}|\x1b[[](?:[?](?:1049|25|7)[hl]|H|K|J))`);
const HIDDEN = /(?!\uFE0F)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** @throws AssertionError if the text has another control, or another character that a terminal does not show */
export function assertOnlyShown(text: string): void {
  const left = text.replaceAll(new RegExp(COLOUR, 'g'), '').replaceAll('\n', '');
  assert.ok(!HIDDEN.test(left), JSON.stringify(HIDDEN.exec(left)?.[0]));
}

/** @returns the rows of the alternate screen after the last whole frame. Without the wrap at the margin no line takes two rows. */
export function screenOf(output: string, rows: number): string[] {
  let screen: string[] = [];
  let row = 0;
  let wraps = true;
  let last: string[] = [];
  for (let at = 0; at < output.length; ) {
    const [own] = OWN.exec(output.slice(at, at + 12)) ?? [];
    const character = String.fromCodePoint(output.codePointAt(at) ?? 0);
    at += own?.length ?? character.length;
    if (own === '\x1b[H') row = 0;
    else if (own === '\x1b[J') {
      screen.length = Math.min(screen.length, row);
      last = [...screen];
      assert.ok(row < rows, `${row} lines on ${rows} rows: the first has scrolled away`);
      screen = [];
    } else if (own === '\x1b[?7l') wraps = false;
    else if (own !== undefined || character === '\r') continue;
    else if (character === '\n') row++;
    else {
      assert.ok(!HIDDEN.test(character), JSON.stringify(character));
      screen[row] = (screen[row] ?? '') + character;
    }
  }
  assert.ok(!wraps);
  return last;
}
