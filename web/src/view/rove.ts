/** A row of a list that the arrow keys go through. */
export interface Stop {
  readonly element: HTMLElement;
  isCurrent: boolean;
}

/**
 * One stop of a long list at a time is on the way of the Tab key; the arrow
 * keys, Home and End go from one to the next. Otherwise whoever has no mouse
 * would pass every button of every post.
 */
export class Rove {
  private stops: readonly Stop[] = [];
  private current: HTMLElement | null = null;

  constructor(list: HTMLElement) {
    list.addEventListener("focusin", (event) => {
      const stop = this.stops.find(({ element }) => element.contains(event.target as Node));
      if (stop !== undefined) this.turnTo(stop.element);
    });
    list.addEventListener("keydown", (event) => this.key(event));
  }

  /** The stops in their order; of new ones the last is where one comes in. */
  update(stops: readonly Stop[]): void {
    this.stops = stops;
    const isThere = this.current !== null && stops.some(({ element }) => element === this.current);
    const holdsFocus = this.current?.contains(document.activeElement) === true;
    this.turnTo(isThere && holdsFocus ? this.current : (stops.at(-1)?.element ?? null));
  }

  private turnTo(current: HTMLElement | null): void {
    this.current = current;
    for (const stop of this.stops) stop.isCurrent = stop.element === current;
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.altKey || event.ctrlKey || event.metaKey || target.matches("textarea, input")) return;
    const at = this.stops.findIndex(({ element }) => element === this.current);
    const last = this.stops.length - 1;
    const to = { ArrowDown: Math.min(last, at + 1), ArrowUp: Math.max(0, at - 1), Home: 0, End: last }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    this.stops[to]?.element.focus();
  }
}
