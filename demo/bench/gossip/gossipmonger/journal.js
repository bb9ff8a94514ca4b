// journal.js: what happens in the world, one JSON object a line, in the form
// that the Go package plan draws.
'use strict';

const fs = require('fs');
const clock = require('./clock.js');

let lines = [];
let most = 4096; // lines that wait

// unbuffered makes every line go out at once.
function unbuffered() {
  most = 1;
}

function write(event) {
  lines.push(JSON.stringify({ t: Math.round(clock.now() * 1000) / 1000, ...event }));
  if (lines.length >= most) flush();
}

function flush() {
  if (lines.length === 0) return;
  let rest = Buffer.from(lines.join('\n') + '\n');
  lines = [];
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

// cost writes what the process has cost so far.
function cost() {
  const used = process.resourceUsage();
  write({ e: 'cost', cpu: (used.userCPUTime + used.systemCPUTime) / 1e6, rss: used.maxRSS * 1024 });
}

module.exports = { unbuffered, write, flush, cost };
