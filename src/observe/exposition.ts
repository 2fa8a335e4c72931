/**
 * Metric families as text: the OpenMetrics format 1.0, and the older text format of Prometheus (0.0.4), which names a
 * counter's family with its suffix `_total` and has no units and no end mark.
 */
import { printableName } from '../printable.js';

export type Labels = Readonly<Record<string, string>>;

export interface Family {
  /** Without `_total`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  /** A unit of OpenMetrics, which the name ends with. */
  readonly unit?: 'bytes';
  readonly help: string;
  readonly samples: readonly (readonly [Labels, number])[];
}

export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const textType = 'text/plain; version=0.0.4; charset=utf-8';

export function exposition(families: readonly Family[], isOpenMetrics: boolean): string {
  const lines: string[] = [];
  for (const { name, type, unit, help, samples } of families) {
    if (samples.length === 0) continue;
    const sample = type === 'counter' ? `${name}_total` : name;
    const family = isOpenMetrics ? name : sample;
    lines.push(`# TYPE ${family} ${type}`);
    if (isOpenMetrics && unit !== undefined) lines.push(`# UNIT ${family} ${unit}`);
    lines.push(`# HELP ${family} ${help}`);
    for (const [labels, value] of samples) lines.push(`${sample}${labelText(labels)} ${value}`);
  }
  if (isOpenMetrics) lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** File names are bytes that another program of the user chose: control characters are shown as escapes. */
function escaped(value: string): string {
  return printableName(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
