import { strict as assert } from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Case } from '../harness/case.ts';
import { each, type Figure, spreadOf } from '../harness/figures.ts';
import { inRounds } from '../harness/rounds.ts';

/** What importing the built package with one adapter adds to a process that does nothing; and that no SDK comes with it. */
const measure = 'cold start';
const root = new URL('../../', import.meta.url);
const adapters = ['slack', 'azure', 'twilio', 'line', 'messenger', 'whatsapp'];

export const run: Case = async (quick) => {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: fileURLToPath(root), stdio: 'inherit' });
  const figures: Figure[] = [];
  for (const form of ['esm', 'cjs'] as const) {
    for (const adapter of adapters) checkLoaded(form, adapter);
    const took = await inRounds(quick ? 1 : 15, {
      bare: async () => started(form, ''),
      ours: async () => started(form, loading(form, 'slack')),
    });
    const name = form === 'esm' ? 'import of adjourn and adjourn/slack' : 'require of the same';
    figures.push({
      measure,
      name,
      unit: 'ms',
      ...each(took.ours, took.bare, (a, b) => a - b),
      reach: { is: 'below', value: 15 },
    });
    figures.push({ measure, name: `bare node, ${form}`, unit: 'ms', ...spreadOf(took.bare) });
  }
  return figures;
};

const fileOf = (form: 'esm' | 'cjs', name: string) => fileURLToPath(new URL(`dist/${form}/${name}.js`, root));

function loading(form: 'esm' | 'cjs', adapter: string): string {
  const files = [fileOf(form, 'index'), fileOf(form, `adapters/${adapter}`)];
  return files.map((file) => (form === 'esm' ? `import ${JSON.stringify(file)};` : `require(${JSON.stringify(file)});`)).join('');
}

/** @returns milliseconds from start to end of a process */
function started(form: 'esm' | 'cjs', code: string): number {
  const from = performance.now();
  const { status } = spawnSync(process.execPath, ['--input-type', form === 'esm' ? 'module' : 'commonjs', '--eval', code]);
  assert.equal(status, 0);
  return performance.now() - from;
}

/** Every module that is loaded is ours, Node's, or the arithmetic of zones. */
function checkLoaded(form: 'esm' | 'cjs', adapter: string): void {
  const hook = `require('node:module').registerHooks({ load(url, context, next) { console.log(url); return next(url, context); } });`;
  const code =
    form === 'esm'
      ? `import(${JSON.stringify(fileOf(form, 'index'))}); import(${JSON.stringify(fileOf(form, `adapters/${adapter}`))});`
      : loading(form, adapter);
  const loaded = execFileSync(process.execPath, ['--input-type', 'commonjs', '--eval', hook + code], { encoding: 'utf8' });
  const urls = loaded.trim().split('\n');
  assert(
    urls.some((url) => url.includes(`/adapters/${adapter}.js`)),
    `${adapter} was loaded.`,
  );
  const foreign = urls.filter((url) => !/\/dist\/(esm|cjs)\/|^node:|node_modules\/@date-fns\/tz\//.test(url));
  assert.deepEqual(foreign, [], 'No SDK is loaded.');
}
