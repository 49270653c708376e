/** What the options of a database server say about starting read-only. */

const READ_ONLY =
  /(?:^|\s)--(?:loose[-_])?(skip[-_]|disable[-_]|enable[-_])?(super[-_])?read[-_]only(?:=(\S*))?(?=\s|$)/gi;

/** From what `--print-defaults` prints: the last word on each option counts. Open when nothing says closed. */
export function closedByOptions(text: string): boolean {
  const last = new Map<string, boolean>();
  for (const [, prefix = '', isSuper = '', value] of text.matchAll(READ_ONLY)) {
    const isOff = /^(skip|disable)/i.test(prefix);
    last.set(
      isSuper === '' ? 'read_only' : 'super_read_only',
      !isOff && (value === undefined || isClosed(value)),
    );
  }
  return [...last.values()].includes(true);
}

/** Whether MySQL loads its persisted variables at all. */
export function loadsPersisted(text: string): boolean {
  return !/\s--(?:skip[-_]persisted[-_]globals[-_]load|persisted[-_]globals[-_]load=(?:0|off|false))(?=\s|$)/i.test(
    text,
  );
}

/** From mysqld-auto.cnf (MySQL 8); null when it says nothing of it. Throws on what is no JSON. */
export function closedByPersisted(text: string | null): boolean | null {
  if (text === null) return null;
  const found = new Map<string, string>();
  collect(JSON.parse(text), found);
  if (found.size === 0) return null;
  return [...found.values()].some(isClosed);
}

function collect(node: unknown, found: Map<string, string>): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if ((name === 'read_only' || name === 'super_read_only') && hasValue(value)) found.set(name, value.Value);
    else collect(value, found);
  }
}

function hasValue(node: unknown): node is { readonly Value: string } {
  return typeof node === 'object' && node !== null && 'Value' in node && typeof node.Value === 'string';
}

/** MariaDB 12 has more words for it, which older ones silently take for off: they do not count. */
function isClosed(value: string): boolean {
  return ['1', 'on', 'true'].includes(value.toLowerCase());
}
