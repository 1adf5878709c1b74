// TextEncoder and TextDecoder (https://encoding.spec.whatwg.org) for UTF-8, and UTF-16LE to read.

export class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    const source = String(text);
    const bytes = new Uint8Array(source.length * 3);
    return bytes.slice(0, this.encodeInto(source, bytes).written);
  }

  encodeInto(text, bytes) {
    const source = String(text);
    let read = 0;
    let at = 0;
    for (const character of source) {
      let point = character.codePointAt(0);
      if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (at + size > bytes.length) break;
      if (size === 1) bytes[at] = point;
      else {
        bytes[at] = [0, 0, 0xc0, 0xe0, 0xf0][size] | (point >> (6 * (size - 1)));
        for (let index = 1; index < size; index++) bytes[at + index] = 0x80 | ((point >> (6 * (size - 1 - index))) & 0x3f);
      }
      at += size;
      read += character.length;
    }
    return { read, written: at };
  }
}

const LABELS = {
  "utf-8": "utf-8",
  utf8: "utf-8",
  "utf-16le": "utf-16le",
  "utf-16": "utf-16le",
};

/** What follows a first byte: how many bytes, and the range of the first of them (Unicode table 3-7). */
function continuation(byte) {
  if (byte >= 0xc2 && byte <= 0xdf) return [1, 0x80, 0xbf];
  if (byte === 0xe0) return [2, 0xa0, 0xbf];
  if (byte === 0xed) return [2, 0x80, 0x9f];
  if (byte >= 0xe1 && byte <= 0xef) return [2, 0x80, 0xbf];
  if (byte === 0xf0) return [3, 0x90, 0xbf];
  if (byte >= 0xf1 && byte <= 0xf3) return [3, 0x80, 0xbf];
  if (byte === 0xf4) return [3, 0x80, 0x8f];
  return null;
}

export class TextDecoder {
  #rest = new Uint8Array(0);
  #begun = false;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    this.encoding = LABELS[String(label).trim().toLowerCase()];
    if (this.encoding === undefined) {
      throw new RangeError(`TextDecoder knows utf-8 and utf-16le, not ${label}`);
    }
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }

  decode(input = new Uint8Array(0), { stream = false } = {}) {
    const fresh = ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
    const bytes = new Uint8Array(this.#rest.length + fresh.length);
    bytes.set(this.#rest);
    bytes.set(fresh, this.#rest.length);
    this.#rest = new Uint8Array(0);
    const units = this.encoding === "utf-8" ? this.#utf8(bytes, stream) : this.#utf16(bytes, stream);
    let text = "";
    for (let at = 0; at < units.length; at += 4096) text += String.fromCharCode(...units.slice(at, at + 4096));
    if (!this.#begun && text.length > 0) {
      this.#begun = true;
      if (!this.ignoreBOM && text.startsWith("\ufeff")) text = text.slice(1);
    }
    if (!stream) this.#begun = false;
    return text;
  }

  #bad(units) {
    if (this.fatal) throw new TypeError(`the bytes are not ${this.encoding}`);
    units.push(0xfffd);
  }

  #utf8(bytes, stream) {
    const units = [];
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at];
      if (first < 0x80) {
        units.push(first);
        at += 1;
        continue;
      }
      const follows = continuation(first);
      if (follows === null) {
        this.#bad(units);
        at += 1;
        continue;
      }
      let [count, low, high] = follows;
      let point = first & (0x3f >> count);
      let end = at + 1;
      for (; count > 0 && end < bytes.length && bytes[end] >= low && bytes[end] <= high; count--, end++) {
        point = (point << 6) | (bytes[end] & 0x3f);
        low = 0x80;
        high = 0xbf;
      }
      if (count === 0) {
        if (point > 0xffff) units.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
        else units.push(point);
      } else if (end === bytes.length && stream) {
        this.#rest = bytes.slice(at);
        return units;
      } else this.#bad(units);
      at = end;
    }
    return units;
  }

  #utf16(bytes, stream) {
    const whole = bytes.length - (bytes.length % 2);
    const units = [];
    for (let at = 0; at < whole; at += 2) units.push(bytes[at] | (bytes[at + 1] << 8));
    if (whole < bytes.length) {
      if (stream) this.#rest = bytes.slice(whole);
      else this.#bad(units);
    }
    return units;
  }
}
