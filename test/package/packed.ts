import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };

const root = resolve(import.meta.dirname, '../..');

/** What the build and the tarball are made of. A build of their own, so that nobody else's is disturbed. */
const ingredients = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.cjs.json', 'scripts', 'src'];

/** Folders in which somebody has installed the package, outside the repository. */
export interface Packed {
  /** A new folder with the package from its tarball, its dependencies and other packages of the repository linked beside it, and files. */
  consumer(packages: readonly string[], files: Readonly<Record<string, string>>): Consumer;
  remove(): void;
}

export interface Consumer {
  readonly folder: string;
  /** Runs Node there. @returns what it printed @throws with both outputs if it fails */
  node(...args: string[]): string;
  /** Runs a tool of the repository there, with the pinned Node. */
  tool(name: string, ...args: string[]): string;
}

/** Builds and packs the package; whatever it makes is gone after `remove`, or if it fails. */
export function pack(): Packed {
  // Without links in it, as on some systems the temporary folder is one: paths are compared.
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'adjourn-packed-')));
  const remove = () => rmSync(base, { recursive: true, force: true });
  try {
    return { ...consumers(base, tarball(base)), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The path of a freshly built package. */
function tarball(base: string): string {
  const stage = join(base, 'stage');
  for (const name of ingredients) cpSync(join(root, name), join(stage, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'), 'dir');
  run(stage, process.execPath, ['scripts/build.ts']);
  const listed = run(stage, 'npm', ['pack', '--json', '--ignore-scripts', '--loglevel=silent', '--pack-destination', base]);
  return join(base, JSON.parse(listed)[0].filename);
}

function consumers(base: string, file: string): Pick<Packed, 'consumer'> {
  let made = 0;

  return {
    consumer(packages, files) {
      const folder = join(base, `consumer-${++made}`);
      const installed = join(folder, 'node_modules', 'adjourn');
      mkdirSync(installed, { recursive: true });
      run(folder, 'tar', ['-xzf', file, '--strip-components=1', '-C', installed]);
      for (const name of [...Object.keys(manifest.dependencies), ...packages]) {
        const link = join(folder, 'node_modules', name);
        mkdirSync(dirname(link), { recursive: true });
        symlinkSync(join(root, 'node_modules', name), link, 'dir');
      }
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      return {
        folder,
        node: (...args) => run(folder, process.execPath, args),
        tool: (name, ...args) => run(folder, process.execPath, [join(root, 'node_modules', '.bin', name), ...args]),
      };
    },
  };
}

function run(folder: string, command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed\n${stdout}\n${stderr}`, { cause: error });
  }
}
