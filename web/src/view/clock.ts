const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** Times are given in milliseconds since 1970 and told in the reader's zone. */
export function timeOf(at: number): string {
  return time.format(at);
}

export function momentOf(at: number): string {
  return full.format(at);
}

/** Two times of one day have one key. */
export function dayKey(at: number): string {
  return new Date(at).toDateString();
}

export function dayOf(at: number, now: number): string {
  if (dayKey(at) === dayKey(now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayKey(at) === yesterday.toDateString()) return "Yesterday";
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? day.format(at) : dayAndYear.format(at);
}

const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** As short as a list has room for: the time of today, else the day. */
export function shortTimeOf(at: number, now: number): string {
  return dayKey(at) === dayKey(now) ? time.format(at) : shortDay.format(at);
}
