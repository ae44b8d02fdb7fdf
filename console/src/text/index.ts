/** The console's texts in the reader's language. There is one language so far. */
export { en as text } from './en';
