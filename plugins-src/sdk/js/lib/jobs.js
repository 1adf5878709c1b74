// `queueMicrotask`: jobs run when the hook has returned, before the server gets the answer.
//
// The engine's own queue is never run in a component without async functions, so promises never settle there.

const queue = [];

export function queueMicrotask(job) {
  if (typeof job !== "function") throw new TypeError("queueMicrotask takes a function");
  queue.push(job);
}

/** Runs what was queued, and what that queues. */
export function drain() {
  while (queue.length > 0) queue.shift()();
}
