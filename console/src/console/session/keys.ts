/** Keys of the live view. They act only while the stage or its banner has the focus, and can be turned off. */

export type Command = 'freeze' | 'admit' | 'swap' | 'note' | 'live' | 'help';

/** What a key press asks for, if anything. Combinations with Ctrl, Alt or Meta belong to the browser. */
export function command(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'repeat'>): Command | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return undefined;
  switch (event.key) {
    case ' ':
      return 'freeze';
    case 'Enter':
      return 'admit';
    case 'c':
    case 'C':
      return 'swap';
    case 'n':
    case 'N':
      return 'note';
    case 'Escape':
      return 'live';
    case '?':
      return 'help';
    default:
      return undefined;
  }
}
