/**
 * The player's pictures: waveforms, spectrograms, the time axis, the overview.
 *
 * @typedef {object} Part  what of the axis is on show
 * @property {number} from  its beginning, 0 to 1
 * @property {number} size  how much of it, 0 to 1; 1 is the whole
 */

const LANE_HEIGHT = 72;
const RULER_HEIGHT = 22;
const OVERVIEW_HEIGHT = 26;

/** @param {DataView} outline */
const pointsOf = (outline, take) => outline.byteLength / 2 / take.channels;

/** Whether an outline has less than a point for each pixel of what is on show. */
function isCoarse(outline, take, part, share, width) {
  return (pointsOf(outline, take) * part.size) / share < width;
}

/**
 * The outline of a take as min/max columns, one for each device pixel.
 * @param {{take: Take, outline: DataView, part: Part, share: number, gain: number, quiet: boolean}} what
 *   `share` is how much of the whole axis the take fills
 */
function drawWaveform(canvas, { take, outline, part, share, gain, quiet }) {
  const brush = canvas.getContext("2d");
  const { width, height } = canvas;
  brush.clearRect(0, 0, width, height);
  if (!share || take.problem) return;
  brush.fillStyle = take.colour;
  brush.globalAlpha = quiet ? 0.45 : 1;
  const points = pointsOf(outline, take);
  const pointAt = (x) => Math.floor(((part.from + (x / width) * part.size) / share) * points);
  const room = height / take.channels;
  for (let x = 0; x < width; x += 1) {
    const from = pointAt(x);
    if (from >= points) break;
    const to = Math.min(points, Math.max(from + 1, pointAt(x + 1)));
    for (let channel = 0; channel < take.channels; channel += 1) {
      let low = 127;
      let high = -128;
      for (let point = from; point < to; point += 1) {
        const place = 2 * (channel * points + point);
        low = Math.min(low, outline.getInt8(place));
        high = Math.max(high, outline.getInt8(place + 1));
      }
      const middle = room * (channel + 0.5);
      const top = middle - (Math.min(127, high * gain) / 127) * room * 0.48;
      const bottom = middle - (Math.max(-127, low * gain) / 127) * room * 0.48;
      brush.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  }
  brush.globalAlpha = 1;
}

/** @param {ImageBitmap} picture of the whole take */
function drawSpectrogram(canvas, picture, { part, share, quiet }) {
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, canvas.width, canvas.height);
  const from = part.from / share;
  const to = Math.min(1, (part.from + part.size) / share);
  if (to <= from) return;
  const wide = (canvas.width * (to - from) * share) / part.size;
  brush.fillStyle = "#000"; // one that is not heard is dimmer, in a light theme, too
  brush.fillRect(0, 0, wide, canvas.height);
  brush.globalAlpha = quiet ? 0.6 : 1;
  brush.drawImage(picture, from * picture.width, 0, (to - from) * picture.width, picture.height, 0, 0, wide, canvas.height);
  brush.globalAlpha = 1;
}

/** The time axis, with as many labels as have room. */
function drawRuler(canvas, length, part, ratio, ink) {
  const brush = canvas.getContext("2d");
  brush.clearRect(0, 0, canvas.width, canvas.height);
  if (!length) return;
  const shown = length * part.size;
  const start = length * part.from;
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120];
  const step = steps.find((candidate) => candidate >= (shown * 64 * ratio) / canvas.width) ?? 300;
  brush.fillStyle = ink;
  brush.font = `${11 * ratio}px sans-serif`;
  brush.textBaseline = "bottom";
  for (let count = Math.ceil(start / step - 1e-6); count * step <= start + shown + 1e-6; count += 1) {
    const mark = count * step;
    const x = Math.min(Math.round(((mark - start) / shown) * canvas.width), canvas.width - ratio);
    brush.fillRect(x, canvas.height - 6 * ratio, ratio, 6 * ratio);
    const label = step < 1 ? fineClock(mark) : clock(mark);
    const wide = brush.measureText(label).width;
    const left = Math.min(Math.max(4 * ratio, x - wide / 2), canvas.width - wide); // clear of the playhead at 0
    brush.fillText(label, left, canvas.height - 7 * ratio);
  }
}

/** The whole of a take in small, with a window on what the lanes show of it. */
function drawOverview(canvas, take, part, share, ink) {
  drawWaveform(canvas, { take, outline: take.outline, part: { from: 0, size: 1 }, share, gain: 1, quiet: true });
  const brush = canvas.getContext("2d");
  const { width, height } = canvas;
  const line = Math.max(1, Math.round(window.devicePixelRatio || 1));
  const left = Math.round(part.from * width);
  const wide = Math.max(3 * line, Math.round(part.size * width));
  brush.fillStyle = ink;
  brush.globalAlpha = 0.14;
  brush.fillRect(left, 0, wide, height);
  brush.globalAlpha = 1;
  brush.strokeStyle = ink;
  brush.lineWidth = line;
  brush.strokeRect(left + line / 2, line / 2, wide - line, height - line);
}

const PITCHES = [1000, 4000, 250, 10000, 2000, 500, 100]; // Hz, the ones to label first
const PITCH_ROOM = 14 / LANE_HEIGHT; // what a label takes of the height

/** Slaney's mel scale, as the kernel's spectrogram has it: in mels from 0 Hz. */
const mel = (hertz) => (hertz < 1000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4));

/** Pitches to label on a spectrogram: Hz and how far from the bottom, 0 to 1. */
function pitchMarks(rate) {
  const bands = 96;
  const marks = [];
  for (const hertz of PITCHES) {
    // Band b peaks at b + 1 of 97 equal steps of mels and is drawn in the middle of its row.
    const height = ((mel(hertz) / mel(rate / 2)) * (bands + 1) - 0.5) / bands;
    const fits = height > PITCH_ROOM / 2 && height < 1 - PITCH_ROOM / 2;
    if (fits && marks.every((mark) => Math.abs(mark.height - height) >= PITCH_ROOM)) marks.push({ hertz, height });
  }
  return marks;
}

/** @param {number} hertz */
const pitch = (hertz) => (hertz < 1000 ? `${hertz} Hz` : `${hertz / 1000} kHz`);
