/** Keys of the live view. They act only while the stage or its banner has the focus, and can be turned off. */
import type { Colour } from '../../wire/types';
import { COLOURS, type PenEvent, type Tool } from './pen';

export type Command =
  | { do: 'freeze' | 'photo' | 'swap' | 'note' | 'help' | 'undo' | 'previous' | 'next' }
  /** With a tool at hand it sets a point, else it admits. */
  | { do: 'enter' }
  /** What is in hand is put away, else back to live. */
  | { do: 'escape' }
  | { do: 'tool'; tool: Tool }
  | { do: 'colour'; colour: Colour }
  | ({ do: 'nudge' } & Pick<Extract<PenEvent, { type: 'nudge' }>, 'dx' | 'dy'>);

type Press = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'shiftKey' | 'repeat'>;

/** How far an arrow key moves the crosshair, with Shift and without. */
const STRIDE = { shift: 0.05, plain: 0.01 };
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const LETTERS: Readonly<Record<string, Command>> = {
  ' ': { do: 'freeze' },
  enter: { do: 'enter' },
  escape: { do: 'escape' },
  s: { do: 'photo' },
  c: { do: 'swap' },
  n: { do: 'note' },
  '?': { do: 'help' },
  v: { do: 'tool', tool: 'select' },
  o: { do: 'tool', tool: 'point' },
  a: { do: 'tool', tool: 'arrow' },
  p: { do: 'tool', tool: 'pen' },
  r: { do: 'tool', tool: 'rectangle' },
  delete: { do: 'undo' },
  '[': { do: 'previous' },
  ']': { do: 'next' },
};

/** What a key press asks for, if anything. Combinations with Ctrl, Alt or Meta belong to the browser, but for Ctrl+Z. */
export function command(press: Press): Command | undefined {
  const { key, ctrlKey, altKey, metaKey, shiftKey, repeat } = press;
  if (altKey) return undefined;
  if (ctrlKey || metaKey) return key === 'z' && !repeat ? { do: 'undo' } : undefined;
  const arrow = Object.hasOwn(ARROWS, key) ? ARROWS[key] : undefined;
  if (arrow) {
    const stride = shiftKey ? STRIDE.shift : STRIDE.plain;
    return { do: 'nudge', dx: arrow[0] * stride, dy: arrow[1] * stride };
  }
  if (repeat) return undefined;
  const colour = /^[1-4]$/.test(key) ? COLOURS[Number(key) - 1] : undefined;
  if (colour) return { do: 'colour', colour };
  const name = key.toLowerCase();
  return Object.hasOwn(LETTERS, name) ? LETTERS[name] : undefined;
}
