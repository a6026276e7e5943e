import cluster from 'node:cluster';
import { createSessions } from 'adjourn';

/** Prints what `createSessions` warns of in a worker of `node:cluster`, as JSON. */
if (cluster.isPrimary) cluster.fork();
else {
  const lines: string[] = [];
  createSessions({ logger: { debug() {}, info() {}, warn: (line) => lines.push(line), error() {} } });
  console.log(JSON.stringify(lines));
  process.exit();
}
