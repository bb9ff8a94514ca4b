// clock.js: virtual time. After install, Date, setTimeout and Math.random are
// the world's, for whatever runs in it.
'use strict';

// The node on whose behalf code runs now; what it starts later is its own too.
// null is the world itself.
let current = null;
let now = 0; // milliseconds since the world began
let sequence = 0;
const heap = []; // [time, sequence, owner, function], the earliest first

const epoch = Date.UTC(2000, 0, 1);
const RealDate = Date;

class VirtualDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(VirtualDate.now());
    else super(...args);
  }

  static now() {
    return epoch + Math.floor(now);
  }
}

// install replaces the clock and the dice; the same seed throws the same dice.
function install(seed) {
  global.Date = VirtualDate;
  global.setTimeout = (f, wait, ...args) => after(Math.max(1, wait || 0), () => f(...args));
  global.clearTimeout = (timer) => {
    if (timer) timer[3] = null;
  };
  Math.random = dice(seed);
}

// dice is the generator mulberry32: numbers in [0, 1).
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
}

function earlier(a, b) {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}

// after calls f on behalf of owner when wait milliseconds have gone by, unless
// the owner is over by then.
function after(wait, f, owner = current) {
  const timer = [now + wait, sequence++, owner, f];
  let i = heap.push(timer) - 1;
  for (; i > 0; i = (i - 1) >> 1) {
    const parent = heap[(i - 1) >> 1];
    if (!earlier(timer, parent)) break;
    heap[i] = parent;
  }
  heap[i] = timer;
  return timer;
}

function pop() {
  const top = heap[0];
  const last = heap.pop();
  if (heap.length === 0) return top;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && earlier(heap[child + 1], heap[child])) child++;
    if (!earlier(heap[child], last)) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = last;
  return top;
}

// run lets time pass until done() or until nothing is left to happen.
function run(done) {
  while (heap.length > 0 && !done()) {
    const [time, , owner, f] = pop();
    now = time;
    if (f && !(owner && owner.over)) as(owner, f);
  }
}

// as calls f on behalf of owner.
function as(owner, f) {
  const before = current;
  current = owner;
  try {
    return f();
  } finally {
    current = before;
  }
}

module.exports = { install, dice, after, run, as, now: () => now, current: () => current };
