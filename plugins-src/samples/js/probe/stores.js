// What is kept: storage and shared.

import { shared, storage } from "wasmpuck";

export const functions = {
  storage: {
    get: storage.get,
    "get-bytes": storage.getBytes,
    set: (key, value, ttl) => storage.set(key, value, { ttl }),
    "set-bytes": (key, value, ttl) => storage.setBytes(key, Uint8Array.from(value), { ttl }),
    delete: storage.delete,
    "list-keys": (prefix) => [...storage.keys(prefix)],
    increment: (key, delta, ttl) => storage.increment(key, delta, { ttl }),
    "compare-and-swap": (key, expected, value, ttl) => storage.compareAndSwap(key, expected, value, { ttl }),
  },
  shared: {
    "counter-add": shared.counterAdd,
    "window-add": shared.windowAdd,
    "set-add": (name, member, ttl) => shared.setAdd(name, member, { ttl }),
    "set-has": shared.setHas,
    "set-remove": shared.setRemove,
    "set-size": shared.setSize,
    "top-add": shared.topAdd,
    "top-list": shared.topList,
    "distinct-add": shared.distinctAdd,
    "distinct-count": shared.distinctCount,
    remove: shared.remove,
  },
};
