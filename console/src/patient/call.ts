/** How a page calls somebody. */

/**
 * The `tel:` address (RFC 3966) of a number as people write it; nothing where there is no number. In "+49 (0)30 …" the
 * zero is only dialled without the country's code.
 */
export function callUrl(phone: string): string | undefined {
  const abroad = phone.trimStart().startsWith('+');
  const digits = (abroad ? phone.replaceAll('(0)', '') : phone).replace(/\D/g, '');
  return digits && `tel:${abroad ? '+' : ''}${digits}` || undefined;
}
