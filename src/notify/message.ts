import type { Letter } from '../ports.ts';

/**
 * The message as it goes over the wire. It is put together here so that its lines stay whole: a mail library breaks
 * lines of more than 76 characters by an encoding, and a filter that looks for the ancestor's second line, which is
 * longer, would not find it.
 */
export function rawMessage(
  letter: Letter,
  options: { readonly sender: string; readonly receivers: readonly string[]; readonly date: Date },
): string {
  const { sender, receivers, date } = options;
  const isAscii = /^[\n\x20-\x7e]*$/.test(letter.text);
  const domain = /@([A-Za-z0-9.-]+)$/.exec(sender)?.[1] ?? 'localhost';
  const headers = [
    ['From', sender],
    ['To', receivers.join(',\r\n ')],
    ['Subject', header(letter.subject)],
    ['Date', date.toUTCString().replace('GMT', '+0000')],
    ['Message-ID', `<${header(letter.id).replace(/[<>@\s]/g, '_')}@${domain}>`],
    // Nobody is on holiday from it.
    ['Auto-Submitted', 'auto-generated'],
    ['MIME-Version', '1.0'],
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['Content-Transfer-Encoding', isAscii ? '7bit' : '8bit'],
  ];
  const head = headers.map(([name, value]) => `${name}: ${value}`);
  return [...head, '', ...letter.text.split('\n')].join('\r\n');
}

/** Printable ASCII in one line, whatever it was made of. */
function header(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 900);
}
