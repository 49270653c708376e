/** What a site has started, ended in the opposite order. */
export interface Undo {
  /** Takes it over and hands it back. */
  use<T extends AsyncDisposable>(thing: T): T;
  all(): Promise<void>;
}

export function createUndo(): Undo {
  const things: AsyncDisposable[] = [];
  return {
    use: (thing) => {
      things.push(thing);
      return thing;
    },
    all: async () => {
      for (let thing = things.pop(); thing !== undefined; thing = things.pop())
        await thing[Symbol.asyncDispose]();
    },
  };
}
