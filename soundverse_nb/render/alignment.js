/**
 * The same bar in every take: which moment of one is which of another, as the kernel has found out.
 *
 * All goes through the reference, the first take that can be played: a take's segments are lines from its
 * seconds to those of the reference. What has no counterpart there, such as an introduction, counts as the
 * nearest moment that has one. The player of notebooks and the demo's page are each joined with this file.
 *
 * @typedef {object} Segment  the same moments in both, in seconds, rising
 * @property {number[]} reference
 * @property {number[]} take
 *
 * @typedef {object} AlignmentState  see `widgets/alignments.py`
 * @property {number} reference  which of the takes it is
 * @property {{segments: Segment[], problem: string}[]} takes
 * @property {number[]} bars  where bars of the reference begin, in seconds
 * @property {string} note  what is unsure about these
 */

const SAME_MOMENT = 0.5; // seconds to the nearest counterpart that nobody need be told of
const SHORTEST_PART = 0.05; // seconds

/** The value at `position` of the line through these knots. @param {number[]} from @param {number[]} to */
function onLine(from, to, position) {
  let after = from.findIndex((knot) => knot >= position);
  if (after < 0) after = from.length - 1;
  if (after === 0) return to[0];
  const size = from[after] - from[after - 1];
  const share = size > 0 ? Math.min(1, (position - from[after - 1]) / size) : 0;
  return to[after - 1] + share * (to[after] - to[after - 1]);
}

/** Every counterpart of a moment, each with how many seconds from that moment it is known. */
const counterparts = (segments, from, to, position) =>
  segments.map((segment) => {
    const knots = segment[from];
    const away = Math.max(0, knots[0] - position, position - knots[knots.length - 1]);
    return { at: onLine(knots, segment[to], position), away };
  });

class Alignment {
  /** @param {AlignmentState} state @param {Take[]} takes */
  constructor(state, takes) {
    this.takes = takes;
    this.reference = state.reference;
    this.note = state.note;
    this.problems = state.takes.map(({ problem }) => problem);
    this.segments = state.takes.map(({ segments }, take) => {
      const whole = [0, takes[take].duration]; // of the reference; and the same time, where nothing is known
      return segments.length ? segments : [{ reference: whole, take: whole }];
    });
    this.lines = this.barLines(state.bars);
  }

  /** Bars go on as they are before the first and after the last that was heard. */
  barLines(bars) {
    if (bars.length < 2) return [];
    const lengths = bars.slice(1).map((bar, index) => bar - bars[index]).sort((a, b) => a - b);
    const length = lengths[lengths.length >> 1];
    const { duration } = this.takes[this.reference];
    const lines = [...bars];
    while (lines[0] - length >= 0) lines.unshift(lines[0] - length);
    while (lines[lines.length - 1] + length <= duration + SAME_MOMENT) lines.push(lines[lines.length - 1] + length);
    return lines;
  }

  /** Second `position` of a take in the reference; `away` is 0 where it is known. */
  toReference(take, position) {
    return counterparts(this.segments[take], "take", "reference", position).reduce((best, next) =>
      next.away < best.away ? next : best,
    );
  }

  /** A second of the reference in a take; of several the one nearest to second `about` of the take. */
  fromReference(take, position, about) {
    return counterparts(this.segments[take], "reference", "take", position).reduce((best, next) => {
      if (next.away !== best.away) return next.away < best.away ? next : best;
      return Math.abs(next.at - about) < Math.abs(best.at - about) ? next : best;
    });
  }

  /** Where a moment of one take is in another: `at` in seconds, `away` as above. */
  carried(position, from, to) {
    if (from === to) return { at: position, away: 0 };
    const moment = this.toReference(from, position);
    // What is played twice is taken up where it is about as far into the song.
    const about = (position / (this.takes[from].duration || 1)) * this.takes[to].duration;
    const { at, away } = this.fromReference(to, moment.at, about);
    return { at, away: Math.max(away, moment.away) };
  }

  /** What there is to say of such a switch, "" for nothing. */
  remark(position, from, to) {
    if (from === to) return "";
    const problem = this.problems[to] || this.problems[from];
    if (problem) return `${problem} The same time is kept.`;
    const { at, away } = this.carried(position, from, to);
    const [one, other] = [from, to].map((take) => this.takes[take].label);
    if (away < SAME_MOMENT) return "";
    return `${one} at ${clock(position)} has no counterpart in ${other}: that goes on from ${clock(at)}, the nearest that has one.`;
  }

  /** What there is to say of the whole of it. */
  get remarks() {
    const problems = this.problems.filter((problem, take) => problem && !this.takes[take].problem);
    return [...problems.map((problem) => `${problem} The same time is kept there.`), this.note].filter(Boolean).join(" ");
  }

  /** Part of the reference as whole bars: the nearest lines, one bar at least. @param {[number, number]} part */
  wholeBars([from, to]) {
    const { lines } = this;
    if (lines.length < 2) return [from, to];
    const nearest = (at) =>
      lines.reduce((best, line, index) => (Math.abs(line - at) < Math.abs(lines[best] - at) ? index : best), 0);
    let [first, last] = [nearest(from), nearest(to)];
    if (last <= first) {
      const within = lines.filter((line) => line <= (from + to) / 2).length - 1;
      first = Math.min(Math.max(0, within), lines.length - 2);
      last = first + 1;
    }
    return [lines[first], Math.min(lines[last], this.takes[this.reference].duration)];
  }

  /** Part of a take as part of the reference, in whole bars. @param {[number, number]} part */
  barsOf(take, part) {
    return this.wholeBars(part.map((edge) => this.toReference(take, edge).at));
  }

  /** Part of the reference in a take, null where that has nothing of it. @param {[number, number]} part */
  partIn(take, [from, to]) {
    const about = (from / (this.takes[this.reference].duration || 1)) * this.takes[take].duration;
    const places = this.segments[take].map(({ reference, take: seconds }) => {
      const [first, last] = [Math.max(from, reference[0]), Math.min(to, reference[reference.length - 1])];
      return { first, last, start: onLine(reference, seconds, first), end: onLine(reference, seconds, last) };
    });
    const within = places.filter(({ first, last }) => first < last);
    const parts = within.flatMap((one) =>
      within
        .filter((other) => other.end - one.start >= SHORTEST_PART)
        .map((other) => ({ start: one.start, end: other.end, has: other.last - one.first })),
    );
    // As much of it as there is, then without what else lies between, then as far into the song.
    parts.sort((a, b) => {
      const more = b.has - a.has;
      const longer = a.end - a.start - (b.end - b.start);
      const nearer = Math.abs(a.start - about) - Math.abs(b.start - about);
      return [more, longer].find((difference) => Math.abs(difference) > SHORTEST_PART) ?? nearer;
    });
    return parts.length ? [parts[0].start, parts[0].end] : null;
  }
}
