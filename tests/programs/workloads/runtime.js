// SPDX-License-Identifier: Apache-2.0
// JSON, Buffers, compression, worker threads and collected garbage in node. Argument: rounds.
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const zlib = require('zlib');
const { promisify } = require('util');
const { execFileSync } = require('child_process');

const hash = (data) => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);

function makeRecords(count, seed) {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff);
  return Array.from({ length: count }, (_, id) => ({
    id,
    name: `record ${id}`,
    values: Array.from({ length: next() % 12 }, () => next() % 100000),
    nested: { flag: next() % 2 === 0, text: 'granite '.repeat(next() % 9) },
  }));
}

function jsonPart(rounds) {
  const text = JSON.stringify(makeRecords(rounds * 500, 42));
  const again = JSON.parse(text);
  const groups = new Map();
  for (const record of again) {
    const key = record.values.length;
    groups.set(key, [...(groups.get(key) ?? []), record.name].slice(-50));
  }
  const sorted = [...groups].sort((a, b) => a[0] - b[0]);
  console.log('json', text.length, hash(text), hash(JSON.stringify(sorted)));
}

function bufferPart(rounds) {
  const sum = crypto.createHash('sha256');
  for (let round = 0; round < rounds * 40; round++) {
    const buffers = [];
    for (let size = 1; size < 200000; size = size * 3 + 1) {
      buffers.push(Buffer.alloc(size, round & 255));
    }
    const all = Buffer.concat(buffers);
    if (all.length % 4 === 0) all.swap32();
    sum.update(all.subarray(round, round + 1000)).update(all.toString('base64', 0, 300));
  }
  console.log('buffers', sum.digest('hex').slice(0, 16));
}

async function compressPart(rounds) {
  const inputs = Array.from({ length: 8 },
    (_, i) => Buffer.from(JSON.stringify(makeRecords(rounds * 30, i))));
  const packed = await Promise.all(inputs.map((input) => promisify(zlib.deflate)(input)));
  const back = await Promise.all(packed.map((input) => promisify(zlib.inflate)(input)));
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 };
  const brotli = zlib.brotliCompressSync(inputs[0], { params });
  const equal = back.every((data, i) => data.equals(inputs[i]));
  console.log('compress', equal, hash(Buffer.concat(packed)), hash(brotli));
}

function garbagePart(rounds) {
  const registry = new FinalizationRegistry(() => {});
  let kept = [];
  let alive = 0;
  for (let round = 0; round < rounds * 20; round++) {
    for (let i = 0; i < 500; i++) {
      const object = { round, data: new Uint8Array(1024 + i), next: kept[kept.length - 1] };
      registry.register(object, i);
      const weak = new WeakRef(object);
      alive += weak.deref() === object ? 1 : 0;
      if (i % 100 === 0) kept.push(object);
    }
    kept = kept.slice(-200).map((object) => ({ ...object, next: undefined }));
    if (round % 10 === 0) global.gc();
  }
  console.log('garbage', alive, kept.length, kept[0].round);
}

function runWorker(number) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: { number } });
    let answer;
    worker.on('message', (message) => { answer = message; });
    worker.on('error', reject);
    worker.on('exit', (code) => (code === 0 ? resolve(answer) : reject(new Error(`exit ${code}`))));
  });
}

async function workerPart() {
  const answers = await Promise.all([1, 2, 3, 4].map(runWorker));
  console.log('workers', answers.join(' '));
}

function childPart() {
  const script = 'console.log([1, 2, 3].map((x) => x * x).join())';
  console.log('child', execFileSync(process.execPath, ['-e', script]).toString().trim());
}

async function main() {
  const rounds = Number(process.argv[2]);
  jsonPart(rounds);
  bufferPart(rounds);
  await compressPart(rounds);
  garbagePart(rounds);
  await workerPart();
  childPart();
}

if (isMainThread) {
  main();
} else {
  parentPort.postMessage(hash(JSON.stringify(makeRecords(5000, workerData.number))));
}
