// What leads to others: tasks, events, messaging, secrets, http-client, files, responder.

import { events, files, httpClient, messaging, responder, secrets, tasks } from "wasmpuck";

/** Sends a request and reads something of the answer. */
const send = (read) => (method, url, { bytes, body, secrets = [], ...options }) => {
  const hidden = secrets.map(([name, prefix, secret]) => ({ name, prefix, secret }));
  const response = httpClient.send({ ...options, method, url, secrets: hidden, body: bytes ? Uint8Array.from(bytes) : body });
  try {
    return read(response);
  } finally {
    response.close();
  }
};

/** Opens a file and asks it something. */
const open = (read) => (name, offset, length) => {
  const file = files.open(name);
  try {
    return read(file, offset, length);
  } finally {
    file.close();
  }
};

/** How many characters and lines a file has. */
function whole(name) {
  const file = files.open(name);
  const decoder = new TextDecoder();
  let [characters, lines] = [0, 0];
  for (let at = 0; at < file.size(); ) {
    const piece = file.read(at);
    at += piece.length;
    for (const letter of decoder.decode(piece, { stream: true })) {
      characters += 1;
      if (letter === "\n") lines += 1;
    }
  }
  file.close();
  return [characters, lines];
}

/** Sends an answer piece by piece. */
const respond = (encode) => (status, headers, pieces) => {
  const outgoing = responder.begin(status, headers);
  for (const piece of pieces) outgoing.write(encode(piece));
  outgoing.end();
};

export const functions = {
  tasks: { schedule: (name, kind, time) => tasks.schedule(name, { [kind]: time }), cancel: tasks.cancel },
  events: { publish: events.publish, subscribe: events.subscribe, unsubscribe: events.unsubscribe },
  messaging: { call: messaging.call, find: messaging.find },
  secrets: { names: secrets.names, reveal: secrets.reveal, equals: secrets.equals },
  "http-client": {
    send: send(() => null),
    "response.status": send((response) => response.status),
    "response.headers": send((response) => response.headers),
    "response.url": send((response) => response.url),
    "response.read-text": send((response) => response.text()),
    "response.read-bytes": send((response) => response.bytes()),
  },
  files: {
    names: files.names,
    open: open((file, offset, length) => new TextDecoder().decode(file.read(offset, length))),
    whole,
    "data-file.size": open((file) => file.size()),
    "data-file.modified": open((file) => file.modified()),
    "data-file.replaced": open((file) => file.replaced()),
    "data-file.read": open((file, offset, length) => file.read(offset, length)),
    "data-file.read-text": open((file, offset, length) => file.readText(offset, length)),
  },
  responder: {
    begin: respond(String),
    "outgoing.write": respond(String),
    "outgoing.write-bytes": respond((piece) => new TextEncoder().encode(piece)),
  },
};
