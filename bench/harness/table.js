// A benchmark as text: one line for each contestant, with its ratio to the first, then the targets and whether they are met.

export function table({ title, unit, figure, targets = [] }, results) {
  const [first] = results.filter(({ figures }) => figures);
  const width = Math.max(...results.map(({ label }) => label.length));
  const lines = [`\n${title} (${unit}; median of ${results[0].rounds} rounds, lowest–highest, ratio to the first)`];
  for (const { label, figures, range, missing } of results) {
    if (missing !== undefined) {
      lines.push(`  ${label.padEnd(width)}  skipped: ${missing}`);
      continue;
    }
    const ratio = figures[figure] / first.figures[figure];
    const rest = Object.entries(figures).filter(([key]) => key !== figure);
    lines.push(
      [
        `  ${label.padEnd(width)} ${number(figures[figure]).padStart(10)}`,
        `${number(range[0])}–${number(range[1])}`.padStart(23),
        `× ${ratio.toFixed(2)}`.padStart(11),
        `  ${rest.map(([key, value]) => `${key} ${number(value)}`).join(', ')}`,
      ].join(''),
    );
  }
  for (const { text, limit, measured, met } of judge(targets, results)) {
    lines.push(`  ${met === null ? '–' : met ? '✓' : '✗'} ${text}: ${measured} (target ${limit})`);
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}

/**
 * Holds targets against the medians. A target is `{ text, atMost | atLeast, of }`, where `of` gets the medians by the
 * contestants' keys. Where a contestant is missing, the target is neither met nor missed: `met` is null.
 */
export function judge(targets, results) {
  const figures = Object.fromEntries(results.map(({ key, figures }) => [key, figures]));
  return targets.map(({ text, atMost, atLeast, of }) => {
    const limit = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
    let value;
    try {
      value = of(figures);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return { text, limit, measured: 'a contestant is missing', value: null, met: null };
    }
    const met = atMost === undefined ? value >= atLeast : value <= atMost;
    return { text, limit, measured: number(value), value, met };
  });
}

function number(value) {
  if (typeof value !== 'number') return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return String(Number(value.toPrecision(3)));
}
