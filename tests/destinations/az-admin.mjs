#!/usr/bin/env node
// What an administrator of a blob account does for the tests, by node's own cryptography and none of ours.
// Knows: Shared Key and the form of a service SAS. Must not know: what is put into a container.
// Usage: az-admin.mjs container NAME                   makes one (AZURE_STORAGE_ACCOUNT, _KEY, _SERVICE_ENDPOINT)
//        az-admin.mjs sas CONTAINER RIGHTS MINUTES     prints a signature handed out, from now on; MINUTES below 0: it has expired
import crypto from 'node:crypto';

const { AZURE_STORAGE_ACCOUNT: account, AZURE_STORAGE_KEY: key, AZURE_STORAGE_SERVICE_ENDPOINT: endpoint } = process.env;
const hmac = (text) => crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest('base64');
const version = '2021-12-02';
const [, , command, container, rights, minutes] = process.argv;

if (command === 'container') {
  const url = new URL(`${endpoint}/${container}?restype=container`);
  const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': version };
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('');
  const text = 'PUT' + '\n'.repeat(12) + lines + `/${account}${url.pathname}\nrestype:container`;
  const answer = await fetch(url, { method: 'PUT', headers: { ...headers, authorization: `SharedKey ${account}:${hmac(text)}` } });
  if (answer.status !== 201) {
    console.error(answer.status, await answer.text());
    process.exit(1);
  }
} else if (command === 'sas') {
  const at = (ms) => new Date(Date.now() + ms).toISOString().replace(/\.\d+Z$/, 'Z');
  const [from, until] = [at(-86400000), at(Number(minutes) * 60000)];
  const text = [rights, from, until, `/blob/${account}/${container}`, '', '', '', version, 'c', '', '', '', '', '', '', ''].join('\n');
  console.log(new URLSearchParams({ sv: version, sr: 'c', sp: rights, st: from, se: until, sig: hmac(text) }).toString());
} else {
  process.exit(64);
}
