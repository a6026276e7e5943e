import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { type AgentSettings, agentRules, mostReassignments } from '../src/middleware/core/agents.ts';
import { type ClosingSettings, closingDefaults } from '../src/middleware/core/closing.ts';
import { commandDefaults } from '../src/middleware/core/commands.ts';
import { describeMs } from '../src/middleware/core/duration.ts';
import { type EndpointSettings, policyDefaults } from '../src/middleware/core/policy.ts';
import type { AdjournEvent } from '../src/middleware/events.ts';
import { channels, loadAdapter } from './kit/adapter.ts';

/** Events that name an agent; a close does, too, but is no desk's. */
type DeskEventName = Exclude<OfAgents<AdjournEvent>, 'closed'>;
type OfAgents<Event> = Event extends { readonly type: infer Name } ? ('agent' extends keyof Event ? Name : never) : never;

const root = resolve(import.meta.dirname, '..');
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'docs/closing.md',
  'docs/settings.md',
  'docs/azure.md',
  'docs/stores.md',
  'docs/agents.md',
  'docs/telemetry.md',
  'docs/admin.md',
  'docs/archive.md',
  'docs/performance.md',
  'docs/scale.md',
];
const page = (name: string) => readFileSync(join(root, name), 'utf8');
const readme = page('README.md');

describe('README.md', () => {
  it('fits on a screen or four', () => expect(readme.split('\n').length).toBeLessThan(200));

  it.each([
    'README.md',
    'docs/closing.md',
    'docs/settings.md',
    'docs/azure.md',
    'docs/stores.md',
    'docs/agents.md',
    'docs/telemetry.md',
    'docs/admin.md',
  ])('%s shows code that compiles', (name) => {
    const folder = join(root, '.tmp', `docs-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      for (const [index, code] of blocks(page(name), 'ts').entries()) {
        const file = /^\/\/ (\S+\.ts)$/m.exec(code)?.[1] ?? `block-${index}.ts`;
        writeFileSync(join(folder, file), code);
      }
      // The settings a reader's project is likely to have: strict, without the stricter ones of this repository.
      const compilerOptions = { exactOptionalPropertyTypes: false, noPropertyAccessFromIndexSignature: false };
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] }),
      );
      expect(complaints(folder)).toBe('');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('tells the defaults the code has', () => {
    const expected: Record<Exclude<keyof EndpointSettings, keyof ClosingSettings>, string> = {
      expiration: describeMs(policyDefaults.expirationMs),
      scope: `\`'${policyDefaults.scope}'\``,
      commands: 'all on',
      discardEndsSession: `\`${policyDefaults.discardEndsSession}\``,
      lateAfter: describeMs(policyDefaults.lateAfterMs),
      onError: `\`'${policyDefaults.onError}'\``,
      onStoreError: `\`'${policyDefaults.onStoreError}'\``,
      turnTimeout: describeMs(policyDefaults.turnTimeoutMs),
      inbox: `\`'${policyDefaults.inbox}'\``,
      developer: 'none',
      agents: 'all off',
      transcripts: `\`${policyDefaults.transcripts}\``,
      retention: 'for good',
    };
    const told = rows(readme, '| setting |').map(([setting = '', value]) => [setting.replaceAll('`', ''), value]);
    expect(Object.fromEntries(told)).toEqual(expected);
    expect(readme).toContain(`Nothing may exceed ${describeMs(policyDefaults.longestMs)} unless`);
  });

  it('tells the defaults of closing', () => {
    const expected: Record<keyof ClosingSettings, string> = {
      closing: `\`'${closingDefaults.closing}'\``,
      closingMessage: 'none',
      closingMessageTo: `\`'${closingDefaults.closingMessageTo}'\``,
      sendRate: "the channel's",
      warnings: 'none',
      continueWithin: describeMs(closingDefaults.continueWithinMs),
      maxDuration: 'never',
      maxTurns: '0',
      clearAuthProfiles: '`false`',
      carryOver: `\`'${closingDefaults.carryOver}'\``,
      expirationRange: 'none',
    };
    const told = rows(page('docs/closing.md'), '| setting |').map(([setting = '', value]) => [
      setting.replaceAll('`', ''),
      value,
    ]);
    expect(Object.fromEntries(told)).toEqual(expected);
  });

  it('tells the defaults of people’s timers', () => {
    const { rules } = agentRules({}, undefined);
    const time = (ms: number) => (ms === 0 ? 'off' : describeMs(ms));
    const expected: Record<keyof AgentSettings, string> = {
      closeAfter: time(rules.closeAfterMs),
      closingMessage: rules.message === undefined ? 'none' : 'some',
      cancelOnReply: `\`${rules.cancelOnReply}\``,
      reassignAfter: time(rules.reassignAfterMs),
      replyWithin: time(rules.replyWithinMs),
      warnBefore: time(rules.warnBeforeMs),
      calendar: rules.calendar === undefined ? 'around the clock' : 'some',
    };
    const agents = page('docs/agents.md');
    const told = rows(agents, '| setting |').map(([setting = '', value]) => [setting.replaceAll('`', ''), value]);
    expect(Object.fromEntries(told)).toEqual(expected);
    expect(agents).toContain(`at most ${mostReassignments} times`);
  });

  it('tells every event of a desk', () => {
    const told = rows(page('docs/agents.md'), '| event |').map(([name = '']) => name.replaceAll('`', ''));
    const events: Record<DeskEventName, true> = {
      handed_off: true,
      assigned: true,
      reassigned: true,
      nobody_free: true,
      escalated: true,
      warned: true,
      overdue: true,
      customer_wrote: true,
      answered: true,
      handed_back: true,
      presence: true,
    };
    expect(told.toSorted()).toEqual(Object.keys(events).toSorted());
  });

  it('tells the words the code takes and what it answers', () => {
    const told = rows(readme, '| word |').map(([word = '', , answer = '']) => [
      word.replaceAll('`', ''),
      answer.replaceAll('`', ''),
    ]);
    const expected = Object.values(commandDefaults).map(({ words, acknowledge }) => [words, acknowledge]);
    expect(told.sort()).toEqual(expected.sort());
  });

  it('tells the limits the adapters have', async () => {
    const limits = channels.map(async (channel) => {
      const { capabilities } = await loadAdapter(channel);
      return [channel, describeMs(capabilities.ackWithinMs), describeMs(capabilities.redeliversFor)];
    });
    const told = rows(readme, '| channel |').map(([name = '', , within, again]) => [name.toLowerCase(), within, again]);
    expect(told.sort()).toEqual((await Promise.all(limits)).sort());
  });
});

describe.each(pages)('%s', (name) => {
  it('names only scripts that exist', () => {
    const scripts = [...page(name).matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, script]) => script ?? '');
    expect(scripts.filter((script) => !Object.hasOwn(manifest.scripts, script))).toEqual([]);
  });

  it('points only to files that exist', () => {
    const text = page(name).replace(/```[\s\S]*?```/g, '');
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map(([, target = '']) => join(dirname(name), target));
    const named = [...text.matchAll(/`((?:src|test|samples|scripts|bench)\/[^`\s<*]*)`/g)].map(([, path]) => path ?? '');
    const missing = [...links, ...named].filter((path) => !/FILE|[{}]/.test(path) && !existsSync(join(root, path)));
    expect(missing).toEqual([]);
  });
});

it('every command of package.json is explained to contributors', () => {
  const told = page('CONTRIBUTING.md');
  const parts = new Set(['types', 'lint', 'unused', 'architecture', 'package', 'build', 'play', 'test']);
  expect(Object.keys(manifest.scripts).filter((script) => !parts.has(script) && !told.includes(`npm run ${script}`))).toEqual([]);
});

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , code]) => code ?? '');
}

/** The cells of the table whose first line begins so, without that line. */
function rows(text: string, head: string): string[][] {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.startsWith(head));
  const after = lines.slice(first + 2);
  const table = after.slice(
    0,
    after.findIndex((line) => !line.startsWith('|')),
  );
  return table.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What the compiler says, or nothing. */
function complaints(folder: string): string {
  try {
    return execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['--project', folder], { encoding: 'utf8' });
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout ?? error);
  }
}
