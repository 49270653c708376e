import { Redis } from 'ioredis';

/** Everything said on the ancestor's channel since `listenToTopic` resolved. */
export interface TopicEar extends AsyncDisposable {
  readonly messages: readonly string[];
}

/** What configuration files of the tests name as `topic`. */
export const TOPIC = 'mmm-switch-channel';

export async function listenToTopic(redis: {
  readonly host: string;
  readonly port: number;
}): Promise<TopicEar> {
  const ear = new Redis({ host: redis.host, port: redis.port });
  const messages: string[] = [];
  ear.on('error', () => undefined);
  ear.on('message', (_channel, message: string) => void messages.push(message));
  await ear.subscribe(TOPIC);
  return { messages, [Symbol.asyncDispose]: async () => ear.disconnect() };
}
