import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };

const root = resolve(import.meta.dirname, '..');

interface Import {
  readonly from: string;
  /** `type`: leaves no trace in the JavaScript. `later`: `import()`. */
  readonly how: 'type' | 'static' | 'later';
}

interface Source {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  /** The text without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

const sources = ['src', 'samples', 'test', 'bench', 'scripts'].flatMap((folder) => sourcesIn(folder));
const library = sources.filter(({ path }) => path.startsWith('src/'));

/** Who may import what inside the repository. The first match counts. */
const directions: readonly { readonly of: RegExp; readonly may: RegExp }[] = [
  { of: /^src\/middleware\/core\//, may: /^src\/middleware\/core\// },
  { of: /^src\/middleware\//, may: /^src\/middleware\// },
  { of: /^src\/adapters\//, may: /^src\/(middleware|adapters\/support)\// },
  { of: /^src\/stores\//, may: /^src\/(middleware|stores\/support)\// },
  { of: /^src\/admin\//, may: /^src\/(middleware|admin)\// },
  { of: /^src\/testing\//, may: /^src\/(middleware|testing)\// },
  { of: /^src\/simulator\//, may: /^src\/(middleware|testing|simulator)\// },
  { of: /^src\/(cli\/|[^/]+$)/, may: /^(src|samples)\// },
  { of: /^samples\//, may: /^samples\// },
];

/** A part that an adapter or a store has in `support/` may name the types of the file it is a part of. */
const ofOneKind = (path: string, target: string) =>
  /^src\/(adapters|stores)\/support\//.test(path) && dirname(dirname(path)) === dirname(target);

describe('dependencies point one way', () => {
  it.each(directions.map((one) => [one.of.source, one] as const))('%s', (_name, { of, may }) => {
    const files = sources.filter(({ path }) => directions.find((one) => one.of.test(path))?.of === of);
    expect(files).not.toEqual([]);
    const strays = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ from }) => from.startsWith('.'))
        .map(({ from, how }) => ({ how, target: join(dirname(path), from) }))
        .filter(({ how, target }) => !may.test(target) && !(how === 'type' && ofOneKind(path, target)))
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(strays).toEqual([]);
  });

  it('the core imports nothing and never asks for the time or for chance', () => {
    const core = library.filter(({ path }) => path.startsWith('src/middleware/core/'));
    expect(offenders(core, ({ imports }) => imports.some(({ from }) => !from.startsWith('./')))).toEqual([]);
    // An instant that it was given may be shown as a date.
    const asks = (code: string) =>
      /\b(await|Date|Math\.random|performance|process|setTimeout|crypto)\b/.test(code.replaceAll('new Date(at)', ''));
    expect(offenders(core, ({ code }) => asks(code))).toEqual([]);
  });

  it('only the command line loads a package at start; the library knows them by type, or loads them when asked to', () => {
    const loads = ({ from, how }: Import) => how === 'static' && !/^(\.|node:)/.test(from);
    const loading = offenders(library, ({ path, imports }) => !path.startsWith('src/cli/') && imports.some(loads));
    // Business hours need the arithmetic of zones.
    expect(loading).toEqual(['src/middleware/calendar.ts']);
  });

  it('samples know the library by its public names', () => {
    const samples = sources.filter(({ path }) => path.startsWith('samples/'));
    expect(offenders(samples, ({ imports }) => imports.some(({ from }) => /(^|\/)(src|dist)\//.test(from)))).toEqual([]);
  });
});

describe('the core and the shell', () => {
  const inner = library.filter(({ path }) => path.startsWith('src/middleware/'));

  it('never name a channel or a host', () => {
    const named = /messenger|slack|twilio|azure|whatsapp|msteams|facebook|botbuilder|express|\bbolt\b/i;
    // "line" is also an English word: as a channel it is the whole of a string, or the first part of a name.
    const line = /(['"`])line\1|\bline[A-Z]\w*|\bLINE\b/;
    expect(offenders(inner, ({ code }) => named.test(code) || line.test(code))).toEqual([]);
  });
});

describe('adapters', () => {
  const adapters = library.filter(({ path }) => /^src\/adapters\/[^/]+$/.test(path));
  /** What a host has to be given beside its middleware. */
  const furtherExports: Readonly<Record<string, readonly string[]>> = { line: ['function lineErrors'] };

  it.each(adapters.map((one) => [one.path, one] as const))('%s exports its parts in order', (path, { code }) => {
    const channel = path.replace(/^.*\/|\.ts$/g, '');
    // Overloads repeat a name. The request may take several types to describe.
    const exported = [
      ...new Set(
        [...code.matchAll(/^export (?:async )?(type|interface|const|function) (\w+)/gm)].map(
          ([, what, name]) => `${what} ${name}`,
        ),
      ),
    ];
    const values = exported.filter((one) => /^(const|function) /.test(one));
    const types = exported.filter((one) => /^(type|interface) /.test(one));
    expect(values.slice(0, 3)).toEqual([
      expect.stringMatching(new RegExp(`^function parse${channel}$`, 'i')),
      expect.stringMatching(/^const \w+$/),
      expect.stringMatching(new RegExp(`^function ${channel}Sessions$`, 'i')),
    ]);
    expect(values.slice(3)).toEqual([`function ${channel}Sender`, ...(furtherExports[channel] ?? [])]);

    const request = new RegExp(`function parse${channel}\\(\\s*\\w+: (?:Pick<)?(\\w+)`, 'i').exec(code)?.[1];
    const places = [
      types.find((one) => one.endsWith(` ${request}`)),
      ...values.slice(0, 3),
      types.find((one) => one.endsWith('Options')),
    ];
    expect(places).not.toContain(undefined);
    expect(places.map((one) => exported.indexOf(one ?? ''))).toEqual(
      places.map((one) => exported.indexOf(one ?? '')).sort((x, y) => x - y),
    );
  });
});

describe('the package', () => {
  it('depends on nothing at run time but zone arithmetic; hosts and drivers are optional peers', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['@date-fns/tz']);
    expect(Object.keys(manifest.peerDependenciesMeta)).toEqual(Object.keys(manifest.peerDependencies));
    expect(Object.values(manifest.peerDependenciesMeta).every(({ optional }) => optional)).toBe(true);
  });

  it('is locked for every platform: without all of their packages `npm ci` refuses, and `npm run lock` adds them', () => {
    const lock: { packages: Readonly<Record<string, { optionalDependencies?: object }>> } = JSON.parse(
      readFileSync(join(root, 'package-lock.json'), 'utf8'),
    );
    const entries = lock.packages;
    const locked = new Set(Object.keys(entries).map((path) => path.split('node_modules/').at(-1)));
    const wanted = Object.values(entries).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
    expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
  });

  it('has a way in for every adapter and every store', () => {
    const ways = library
      .map(({ path }) => /^src\/(?:adapters|(stores))\/([^/]+)\.ts$/.exec(path))
      .filter((match) => match !== null)
      .map(([, store, name]) => (store ? `./${store}/${name}` : `./${name}`));
    expect(Object.keys(manifest.exports)).toEqual(expect.arrayContaining(ways));
  });

  it('points every way in at its source, and at both halves of the build', () => {
    for (const [name, target] of Object.entries(manifest.exports)) {
      if (typeof target === 'string') continue;
      const source = target['@adjourn/source'];
      expect(existsSync(join(root, source)), `${name}: ${source}`).toBe(true);
      const built = source.replace(/^\.\/src\/|\.ts$/g, '');
      const half = (kind: string) => ({ types: `./dist/${kind}/${built}.d.ts`, default: `./dist/${kind}/${built}.js` });
      expect(target).toEqual({ '@adjourn/source': source, import: half('esm'), require: half('cjs') });
    }
  });
});

describe('every file', () => {
  it('holds one idea: fewer than 400 lines, a test fewer than 600', () => {
    expect(offenders(sources, ({ path, text }) => text.split('\n').length > (path.startsWith('test/') ? 600 : 400))).toEqual([]);
  });

  it('says what it exports by name, and only the ways into the package pass on names of other files', () => {
    expect(offenders(library, ({ code }) => /^export default\b/m.test(code))).toEqual([]);
    expect(offenders(library, ({ code }) => /^export (type )?\*/m.test(code))).toEqual([]);
    const ways = Object.values(manifest.exports).flatMap((target) =>
      typeof target === 'string' ? [] : [target['@adjourn/source'].slice(2)],
    );
    const passesOn = ({ path, code }: Source) => !ways.includes(path) && /^export (type )?\{[^}]*\} from\b/m.test(code);
    expect(offenders(library, passesOn)).toEqual([]);
  });

  it('convinces the compiler and the linter instead of silencing them', () => {
    const silenced = /@ts-(ignore|nocheck)|biome-ignore/;
    const self = relative(root, import.meta.filename);
    expect(offenders(sources, ({ path, text }) => path !== self && silenced.test(text))).toEqual([]);
    expect(
      offenders(
        sources,
        ({ path, text }) => path !== self && !path.startsWith('test/types/') && text.includes('@ts-expect-error'),
      ),
    ).toEqual([]);
  });

  it('leaves nothing for later', () => {
    const self = relative(root, import.meta.filename);
    expect(offenders(sources, ({ path, text }) => path !== self && /\b(TODO|FIXME|XXX|HACK)\b/.test(text))).toEqual([]);
  });
});

function sourcesIn(folder: string): Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'))
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const text = readFileSync(file, 'utf8');
      const code = withoutComments(text);
      return { path: relative(root, file).replaceAll('\\', '/'), text, code, imports: importsOf(code) };
    });
}

/** Strings are matched only so that a comment sign inside one is left alone. */
function withoutComments(text: string): string {
  const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return text.replace(tokens, (token) => (/^\/[*/]/.test(token) ? ' ' : token));
}

function importsOf(code: string): Import[] {
  const statements = [...code.matchAll(/^(?:import|export)\s+(type\s)?(?:[\w*{][^'"`;]*?\sfrom\s*)?['"]([^'"]+)['"]/gm)];
  return [
    ...statements.map(([, type, from = '']) => ({ from, how: type ? ('type' as const) : ('static' as const) })),
    ...[...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)].map(([, from = '']) => ({ from, how: 'later' as const })),
  ];
}

function offenders(among: readonly Source[], offends: (source: Source) => boolean): string[] {
  return among.filter(offends).map(({ path }) => path);
}
