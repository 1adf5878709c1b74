// Solves the riddle of the page (docs/hkp.md), keeps the solution in a cookie and asks again.
"use strict";

const K = new Uint32Array(64);
const START = new Uint32Array(8);

// The constants of SHA-256 (FIPS 180-4 §4.2.2, §5.3.3): fractions of roots of the first primes. Browsers have SHA-256 of
// their own only with TLS, and it is slower for texts that are so short.
for (let candidate = 2, found = 0; found < 64; candidate++) {
  let prime = true;
  for (let factor = 2; factor * factor <= candidate; factor++) {
    prime = prime && candidate % factor !== 0;
  }
  if (prime) {
    if (found < 8) {
      START[found] = (Math.sqrt(candidate) % 1) * 4294967296;
    }
    K[found++] = (Math.cbrt(candidate) % 1) * 4294967296;
  }
}

const W = new Uint32Array(64);

function turn(value, by) {
  return (value >>> by) | (value << (32 - by));
}

function compress(state, bytes, offset) {
  for (let i = 0; i < 16; i++) {
    const at = offset + 4 * i;
    W[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const a = W[i - 15];
    const b = W[i - 2];
    W[i] = W[i - 16] + W[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

// The text up to its last whole block is digested once, the rest for each number.
function prepare(text) {
  const whole = text.length - (text.length % 64);
  const head = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    head[i] = text.charCodeAt(i);
  }
  const middle = new Uint32Array(START);
  for (let at = 0; at < whole; at += 64) {
    compress(middle, head, at);
  }
  const state = new Uint32Array(8);
  const tail = new Uint8Array(128);
  return (number) => {
    const digits = String(number);
    const rest = text.length - whole;
    const used = rest + digits.length;
    const size = used < 56 ? 64 : 128;
    const bits = (whole + used) * 8;
    tail.fill(0);
    tail.set(head.subarray(whole));
    for (let i = 0; i < digits.length; i++) {
      tail[rest + i] = digits.charCodeAt(i);
    }
    tail[used] = 128;
    tail[size - 1] = bits; tail[size - 2] = bits >>> 8; tail[size - 3] = bits >>> 16; tail[size - 4] = bits >>> 24;
    state.set(middle);
    for (let at = 0; at < size; at += 64) {
      compress(state, tail, at);
    }
    return state[0];
  };
}

const place = document.getElementById("riddle");
const { riddle, cookie, seconds, failed } = place.dataset;
const limit = 2 ** (32 - Number(place.dataset.bits));
const first = prepare(riddle + ".");
let number = 0;

function solve() {
  const pause = performance.now() + 50;
  while (performance.now() < pause) {
    for (let i = 0; i < 500; i++, number++) {
      if (first(number) < limit) {
        finish();
        return;
      }
    }
  }
  window.setTimeout(solve, 0);
}

function finish() {
  const solution = `${cookie}=${riddle}.${number}`;
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${solution}; Path=/; Max-Age=${seconds}; SameSite=Lax${secure}`;
  if (document.cookie.split("; ").includes(solution)) {
    window.location.reload();
  } else {
    place.textContent = failed;
  }
}

solve();
