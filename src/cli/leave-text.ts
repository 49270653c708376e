import type { LeaveItem } from '../core/leave.ts';
import { printable } from './print.ts';

const TITLES: Readonly<Record<LeaveItem['place'], string>> = {
  daemons: 'Daemons',
  server: 'Servers: the statements of one paragraph in one session, as an administrator',
  redis: 'Redis: redis-cli',
  files: 'Files on this host; every other host that runs one of the programs has its own',
};

/** For people: in the order in which it is best done. */
export function leaveText(items: readonly LeaveItem[], unread: readonly string[]): string {
  const places = [...new Set(items.map(({ place }) => place))];
  const parts = places.map((place, index) => {
    const own = items.filter((item) => item.place === place);
    return [`${index + 1}. ${TITLES[place]}`, ...own.flatMap(lines), ''].join('\n');
  });
  const head = 'What mmm-manager may have left, and what undoes it. Nothing was changed.';
  const notes = unread.map((line) => `note: ${printable(line)}\n`);
  return `${head}\n\n${parts.join('\n')}${notes.join('')}`;
}

/** For programs. */
export function leaveJson(items: readonly LeaveItem[], unread: readonly string[]): string {
  return `${JSON.stringify({ items, unread }, null, 2)}\n`;
}

function lines({ place, where, what, undo }: LeaveItem): string[] {
  const head = where === '' ? what : `${where}: ${what}`;
  const end = place === 'server' ? ';' : '';
  return [`   - ${printable(head)}`, ...undo.map((statement) => `       ${printable(statement)}${end}`)];
}
