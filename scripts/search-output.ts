import { readFileSync } from 'node:fs';
import { textMark } from '../samples/marks.ts';
import { secretMark } from '../src/simulator/support/secret.ts';

/**
 * Fails where the output of a test run holds a secret of the simulator or a text that people say in tests: no log line, warning or error
 * may. The lines are named, not shown. Usage: `node scripts/search-output.ts FILE`
 */

const [file = ''] = process.argv.slice(2);
const lines = readFileSync(file, 'utf8').split('\n');
const found = lines.flatMap((line, index) => {
  const what = [...(line.includes(secretMark) ? ['a secret'] : []), ...(line.includes(textMark) ? ['a text'] : [])];
  return what.map((one) => `Line ${index + 1} of the output holds ${one}.`);
});
if (!lines.some((line) => line.includes('Test Files'))) found.push('This is no output of a test run.');
for (const one of found) console.error(one);
if (found.length === 0) console.log(`No secret and no text in ${lines.length} lines of output.`);
process.exitCode = found.length === 0 ? 0 : 1;
