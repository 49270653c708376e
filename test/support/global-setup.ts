import { mariadbTemplate } from './mariadb-template.ts';

/** Once per run: server programs found or unpacked, the template datadir made. Fails before the first test does. */
export default async function prepareServers(): Promise<void> {
  await mariadbTemplate();
}
