'use strict';
// Leads the connections of a Node program through the proxy that HTTPS_PROXY and HTTP_PROXY name, by CONNECT:
// http and https (agents derived from theirs too), the built-in fetch and WebSocket, npm's undici by its global
// dispatcher. For Node that can't do so itself; required by NODE_OPTIONS, before the program, in each of its
// workers, and whatever is wrong with it would be wrong with every program: hence no dependencies, nothing
// loaded that the program does not use (undici alone takes 20 ms), and no way of our own to verify TLS.

const { env, versions } = process;

// Node's own support: --use-env-proxy and NODE_USE_ENV_PROXY.
function nodeDoesIt() {
  const [major, minor] = versions.node.split('.').map(Number);
  const able = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
  return able && env.NODE_USE_ENV_PROXY === '1';
}

// A proxy spoken to in plain HTTP, or none.
function proxyOf(...names) {
  const text = names.map((name) => env[name]).find(Boolean);
  const url = text && URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'http:') return null;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || 80,
    authorization: user === ':' ? null : `Basic ${Buffer.from(user).toString('base64')}`,
  };
}

const proxies = {
  'https:': proxyOf('https_proxy', 'HTTPS_PROXY'),
  'http:': proxyOf('http_proxy', 'HTTP_PROXY'),
};

// -- which way a connection goes

let exceptions;

function readExceptions() {
  const net = require('node:net');
  exceptions = { all: false, names: [], addresses: new net.BlockList() };
  const list = env.no_proxy || env.NO_PROXY || '';
  for (const entry of list.toLowerCase().split(/[\s,]+/).filter(Boolean)) {
    const [, address, bits] = /^\[?([0-9a-f.:]+)\]?(?:\/(\d+))?$/.exec(entry) ?? [];
    const family = net.isIP(address ?? '') === 6 ? 'ipv6' : 'ipv4';
    if (entry === '*') exceptions.all = true;
    else if (!net.isIP(address ?? '')) exceptions.names.push(entry.replace(/^\*?\./, ''));
    else if (bits === undefined) exceptions.addresses.addAddress(address, family);
    else if (bits <= (family === 'ipv6' ? 128 : 32)) exceptions.addresses.addSubnet(address, Number(bits), family);
  }
}

function isException(host, port) {
  if (!exceptions) readExceptions();
  const family = require('node:net').isIP(host);
  if (family && exceptions.addresses.check(host, family === 6 ? 'ipv6' : 'ipv4')) return true;
  return exceptions.all || exceptions.names.some((entry) =>
    [host, `${host}:${port}`].some((name) => name === entry || name.endsWith(`.${entry}`)));
}

// The proxy for an origin; none where the way is direct, as it is to the proxy itself.
function proxyFor(protocol, hostname, port) {
  const proxy = proxies[protocol];
  const host = String(hostname ?? 'localhost').toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (!proxy || isException(host, port)) return null;
  return Object.values(proxies).some((own) => own?.host === host && own.port === Number(port)) ? null : proxy;
}

// -- a tunnel: a plain socket on which the origin is next to speak

const HEAD_LIMIT = 16384;

function refusal(authority, head) {
  const [line, ...fields] = head.split('\r\n');
  const reason = fields.find((field) => /^standin-error:/i.test(field))?.replace(/^[^:]*:\s*/, '');
  const error = new Error(
    `the proxy refused to connect to ${authority}: ${line.replace(/^HTTP\/1\.[01] /, '')}${reason ? ` (${reason})` : ''}`);
  return Object.assign(error, { code: 'ERR_PROXY_TUNNEL', statusCode: Number(line.split(' ')[1]) || undefined });
}

// Calls back once: with an error, or with the socket, paused and with nothing of the proxy's answer in it.
function openTunnel(proxy, host, port, callback) {
  const authority = `${host.includes(':') ? `[${host.replace(/^\[|\]$/g, '')}]` : host}:${port}`;
  const socket = require('node:net').connect({ host: proxy.host, port: proxy.port, noDelay: true });
  let head = Buffer.alloc(0);
  const finish = (error) => {
    socket.off('error', finish).off('end', cutOff).off('readable', read);
    if (error) socket.destroy();
    callback(error, error ? undefined : socket);
  };
  const cutOff = () => finish(Object.assign(
    new Error(`the proxy closed the connection to ${authority}`), { code: 'ECONNRESET' }));
  const read = () => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.length > HEAD_LIMIT) return cutOff();
      if (end < 0) continue;
      const text = head.toString('latin1', 0, end);
      if (!/^HTTP\/1\.[01] 2\d\d\b/.test(text)) return finish(refusal(authority, text));
      if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
      return finish(null);
    }
  };
  socket.on('error', finish).on('end', cutOff).on('readable', read);
  const authorization = proxy.authorization ? `Proxy-Authorization: ${proxy.authorization}\r\n` : '';
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  return socket;
}

// A tunnel as a stream that is there at once: what is written waits until it is open.
function tunnelStream(proxy, host, port) {
  const { Duplex } = require('node:stream');
  let socket;
  const stream = new Duplex({
    allowHalfOpen: true,
    construct(ready) {
      this.opening = openTunnel(proxy, host, port, (error, opened) => {
        if (error) return ready(error);
        socket = opened;
        socket.on('data', (chunk) => this.push(chunk) || socket.pause());
        socket.on('end', () => this.push(null)).on('error', (reason) => this.destroy(reason));
        socket.on('close', () => this.destroy()).pause();
        ready();
      });
    },
    read: () => socket.resume(),
    write: (chunk, encoding, done) => socket.write(chunk, encoding, done),
    final: (done) => socket.end(done),
    destroy(error, done) {
      this.opening.destroy();
      done(error);
    },
  });
  for (const name of ['ref', 'unref', 'setKeepAlive', 'setNoDelay']) {
    stream[name] = (...rest) => {
      stream.opening?.[name](...rest);
      return stream;
    };
  }
  stream.setTimeout = () => stream;
  return stream;
}

// -- http and https

// Every agent makes its connections here unless it has a way of its own, as those of proxies have.
function leadAgents() {
  leadAgent(require('node:http').Agent.prototype, 'http:', 80);
  leadAgent(require('node:https').Agent.prototype, 'https:', 443);
}

function leadAgent(prototype, protocol, defaultPort) {
  const original = prototype.createConnection;
  // Over a tunnel, TLS is Node's own, with the session cache of the agent.
  const over = (agent, options, socket) =>
    protocol === 'http:' ? socket : original.call(agent, { ...options, socket });

  prototype.createConnection = function createConnection(...parameters) {
    const [options, callback] = parameters;
    const isPlain = typeof options === 'object' && options !== null && !options.socketPath && !options.socket;
    const host = isPlain ? options.host || options.hostname || 'localhost' : '';
    const port = isPlain ? options.port || defaultPort : 0;
    // A CONNECT is a program's own tunnel through a proxy of its own.
    const ownWay = !isPlain || options.method === 'CONNECT' || this?.options?.proxyEnv;
    const proxy = ownWay ? null : proxyFor(protocol, host, port);
    if (!proxy) return original.apply(this, parameters);

    // A derived agent may want the connection at once, to set it up: http's own one waits to be called.
    if (typeof callback !== 'function' || this.createConnection !== createConnection) {
      const stream = tunnelStream(proxy, host, port);
      const connection = over(this, options, stream);
      if (connection !== stream) {
        connection.ref = () => (stream.ref(), connection);
        connection.unref = () => (stream.unref(), connection);
      }
      return connection;
    }
    const opening = openTunnel(proxy, host, port, (error, socket) => {
      opening.setTimeout(0);
      if (error) return callback(error);
      callback(null, over(this, options, socket));
    });
    if (options.timeout) {
      opening.setTimeout(options.timeout, () => opening.destroy(
        Object.assign(new Error(`no tunnel to ${host}:${port} in time`), { code: 'ETIMEDOUT' })));
    }
    return undefined;
  };
}

// -- fetch, WebSocket and npm's undici

// Where undici, the built-in and npm's, looks for the dispatcher of requests that name none.
const GLOBAL_DISPATCHER = Symbol.for('undici.globalDispatcher.1');
// What loads the built-in undici when it is touched.
const ENTRIES = ['fetch', 'Headers', 'Request', 'Response', 'FormData', 'WebSocket', 'CloseEvent', 'EventSource'];

// The built-in undici is loaded, and its agent replaced, when one of its entries or the dispatcher is first used.
function leadUndici() {
  if (globalThis[GLOBAL_DISPATCHER]) return replaceDispatcher();
  const entries = ENTRIES.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)])
    .filter(([name, entry]) => entry?.configurable && (entry.get || name === 'fetch'));
  const load = () => {
    for (const [name, entry] of entries) {
      const now = Object.getOwnPropertyDescriptor(globalThis, name);
      if (now?.get?.[OURS] || now?.value?.[OURS]) Object.defineProperty(globalThis, name, entry);
    }
    if (Object.getOwnPropertyDescriptor(globalThis, GLOBAL_DISPATCHER)?.value === lazy) {
      delete globalThis[GLOBAL_DISPATCHER];
      void globalThis.Headers;  // sets the default agent
      replaceDispatcher();
    }
    return globalThis[GLOBAL_DISPATCHER];
  };
  const lazy = lazyDispatcher(load);
  Object.defineProperty(globalThis, GLOBAL_DISPATCHER, { value: lazy, writable: true, configurable: true });
  for (const [name, entry] of entries) Object.defineProperty(globalThis, name, gate(name, entry, load));
}

const OURS = Symbol('standin');

// The entry, which loads undici before it is used.
function gate(name, entry, load) {
  if (entry.get) {
    const get = () => (load(), globalThis[name]);
    return { ...entry, get: Object.assign(get, { [OURS]: true }) };
  }
  const original = entry.value;
  const { [name]: value } = { [name](...parameters) { return load(), original.apply(this, parameters); } };
  return { ...entry, value: Object.assign(value, { [OURS]: true }) };
}

// Stands for the dispatcher until somebody asks something of it.
function lazyDispatcher(load) {
  const real = () => load();
  return new Proxy({}, {
    get(_, name) {
      const value = real()[name];
      return typeof value === 'function' ? value.bind(real()) : value;
    },
    getPrototypeOf: () => Object.getPrototypeOf(real()),
    has: (_, name) => name in real(),
  });
}

function replaceDispatcher() {
  const direct = globalThis[GLOBAL_DISPATCHER];
  if (direct.constructor.name !== 'Agent') return;  // the program's own
  class ProxiedAgent extends direct.constructor {
    dispatch(options, handler) {
      const { protocol, hostname, port } = new URL(options.origin);
      const proxied = proxyFor(protocol, hostname, port || (protocol === 'https:' ? 443 : 80));
      return proxied ? super.dispatch(options, handler) : direct.dispatch(options, handler);
    }
  }
  globalThis[GLOBAL_DISPATCHER] = new ProxiedAgent({ connect: connectUndici });
}

function connectUndici({ protocol, hostname, port: given, servername }, callback) {
  const net = require('node:net');
  const port = given || (protocol === 'https:' ? 443 : 80);
  const host = hostname.replace(/^\[|\]$/g, '');
  openTunnel(proxyFor(protocol, hostname, port), host, port, (error, socket) => {
    if (error || protocol === 'http:') return callback(error, socket);
    const secure = require('node:tls').connect({
      socket, host, servername: servername || (net.isIP(host) ? '' : host), ALPNProtocols: ['http/1.1'],
    });
    secure.once('error', callback).once('secureConnect', () => {
      secure.off('error', callback);
      callback(null, secure);
    });
  });
}

// Once a thread: a run within a run requires two of these, and both would read the same variables.
const DONE = Symbol.for('standin.node_preload');

if ((proxies['https:'] || proxies['http:']) && !nodeDoesIt() && !globalThis[DONE]) {
  Object.defineProperty(globalThis, DONE, { value: true });
  leadAgents();
  leadUndici();
}
