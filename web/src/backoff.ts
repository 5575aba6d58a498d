const first = 500; // ms
const longest = 30_000; // ms

/**
 * How long to wait before the next attempt. The bound doubles with every
 * failure, and the wait is drawn from its upper half: thousands of pages that
 * lost the same server at the same moment must not come back in step.
 */
export class Backoff {
  private failures = 0;

  constructor(private readonly random: () => number = Math.random) {}

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const bound = Math.min(longest, first * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
    return Math.round(bound / 2 + (this.random() * bound) / 2);
  }

  reset(): void {
    this.failures = 0;
  }
}
