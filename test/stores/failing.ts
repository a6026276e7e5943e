/** A map whose every access fails while `failing` is set. */
export class FailingMap extends Map<string, unknown> {
  failing = false;

  override get(key: string): unknown {
    this.check();
    return super.get(key);
  }

  override set(key: string, value: unknown): this {
    // The constructor of Map calls this before our own fields are there.
    if (this.failing) this.check();
    return super.set(key, value);
  }

  override delete(key: string): boolean {
    this.check();
    return super.delete(key);
  }

  override [Symbol.iterator](): MapIterator<[string, unknown]> {
    this.check();
    return super[Symbol.iterator]();
  }

  override entries(): MapIterator<[string, unknown]> {
    this.check();
    return super.entries();
  }

  private check(): void {
    if (this.failing) throw new Error('The backend is gone.');
  }
}
