// net.js: the part of Node's module net that gossipmonger-tcp-transport uses, on
// the simulated network whose rules the Go package plan states. Host names are
// n0, n1 …; every message of that transport is a connection of its own.
'use strict';

const { EventEmitter } = require('events');
const clock = require('./clock.js');

const SEGMENT = 1400; // bytes that are lost as one
const SEGMENT_RETRY = 200; // milliseconds, doubling
const DIAL_RETRY = 1000; // milliseconds, doubling
const BREAK = 30000; // milliseconds that a segment may meet a cut
const DIAL_LIMIT = 127000; // milliseconds: what Linux tries by default

class Network {
  constructor(latency, loss, seed) {
    this.latency = latency;
    this.loss = loss;
    this.random = clock.dice(seed ^ 0x5eed);
    this.servers = new Map(); // index -> Server
    this.pausedUntil = new Map();
    this.side = null;
    this.counts = new Map();
  }

  count(index) {
    if (!this.counts.has(index)) this.counts.set(index, { bytes: 0, messages: 0, dials: 0 });
    return this.counts.get(index);
  }

  pause(index, length) {
    this.pausedUntil.set(index, clock.now() + length);
  }

  held(index) {
    return Math.max(0, (this.pausedUntil.get(index) || 0) - clock.now());
  }

  cut(side) {
    this.side = new Set(side);
  }

  heal() {
    this.side = null;
  }

  isCut(a, b) {
    return this.side !== null && this.side.has(a) !== this.side.has(b);
  }

  loses() {
    return this.loss > 0 && this.random() < this.loss;
  }

  unplug(index) {
    this.servers.delete(index);
  }

  // dial calls connected with the server once a connection is made.
  dial(from, to, connected, failed) {
    const began = clock.now();
    let retry = DIAL_RETRY;
    const attempt = () => {
      const server = this.servers.get(to);
      if (server && !this.isCut(from, to) && !this.loses() && !this.loses()) return connected(server);
      if (clock.now() - began > DIAL_LIMIT) return failed();
      clock.after(retry, knock);
      retry *= 2;
    };
    const knock = () => clock.after(2 * this.latency + this.held(from) + this.held(to), attempt);
    knock();
  }

  // carry brings text to the other side, then calls arrived.
  carry(from, to, text, arrived) {
    const sent = clock.now();
    let longest = 0;
    let retry = SEGMENT_RETRY;
    for (let at = 0; at < text.length; at += SEGMENT) {
      let wait = 0;
      for (retry = SEGMENT_RETRY; this.loses(); retry *= 2) wait += retry;
      longest = Math.max(longest, wait);
    }
    const arrive = () => {
      const wait = Math.max(this.held(from), this.held(to));
      if (wait > 0) return clock.after(wait, arrive, null);
      if (this.isCut(from, to)) {
        if (clock.now() - sent > BREAK) return undefined;
        clock.after(retry, arrive, null);
        retry *= 2;
        return undefined;
      }
      return arrived();
    };
    clock.after(this.held(from) + this.latency + longest, arrive, null);
  }
}

// Server is where one life of a node listens.
class Server {
  constructor(owner, accept) {
    this.owner = owner;
    this.accept = accept;
  }

  // deliver is a connection that brings text and ends.
  deliver(text) {
    if (this.owner.over) return;
    clock.as(this.owner, () => {
      const connection = new EventEmitter();
      this.accept(connection);
      connection.emit('data', Buffer.from(text));
      connection.emit('end');
    });
  }
}

// moduleFor returns what require('net') gives to the transport.
function moduleFor(network) {
  const indexOf = (host) => Number(host.slice(1));
  return {
    createServer(accept) {
      const server = new EventEmitter();
      server.listen = (port, host, callback) => {
        network.servers.set(indexOf(host), new Server(clock.current(), accept));
        clock.after(0, () => {
          server.emit('listening');
          if (callback) callback();
        });
      };
      server.close = (callback) => callback && clock.after(0, callback);
      return server;
    },

    connect({ host }, connected) {
      const from = clock.current().index;
      const to = indexOf(host);
      const client = new EventEmitter();
      const count = network.count(from);
      count.dials++;
      const made = (server) => {
        client.end = (text) => {
          count.bytes += Buffer.byteLength(text);
          count.messages++;
          network.carry(from, to, text, () => server.deliver(text));
        };
        connected();
      };
      network.dial(from, to, made, () => client.emit('error', new Error('connect ETIMEDOUT')));
      return client;
    },
  };
}

module.exports = { Network, moduleFor };
