// An S3 server for one test run: listens on a free loopback port, keeps objects as files, and has a clock
// that is moved by a line on standard input, so that an hour passes without waiting for it.
// Usage: node s3rver.js MODULE DIRECTORY BUCKET; prints "port N", then "clock N" after each move.
'use strict';

const [module_, directory, bucket] = process.argv.slice(2);
const RealDate = Date;
let shift = 0;

global.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length) super(...parts);
    else super(RealDate.now() + shift);
  }

  static now() {
    return RealDate.now() + shift;
  }
};

const S3rver = require(module_);

process.stdin.setEncoding('utf8');
process.stdin.on('data', (line) => {
  shift = Number(line.trim()) * 1000;
  console.log(`clock ${shift / 1000}`);
});
process.stdin.on('end', () => process.exit(0)); // the test run is over, however it ended

new S3rver({
  address: '127.0.0.1',
  port: 0,
  silent: true,
  directory,
  configureBuckets: [{ name: bucket, configs: [] }],
})
  .run()
  .then(({ port }) => console.log(`port ${port}`));
