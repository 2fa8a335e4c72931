/** Changes the structs that it is sent, as bytes, and counts in one of them under its lock. */
import { deserialize, type SharedArray, type StructType, type Value } from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

type Point = StructType<{ x: 'd'; y: 'd' }>;

const { point, points } = deserialize(await hear<Uint8Array>()) as { point: Value<Point>; points: SharedArray<Point> };
point.updateSync((p) => ({ x: p.x * 2, y: p.y * 2 }));
for (const each of points) {
  each.x **= 2;
  each.y **= 2;
}
await tell('squared');
await hear();
for (let i = 0; i < 5000; i++) point.updateSync((p) => ({ x: p.x + 1 }));
point.close();
points.close();
await tell('counted');
hangUp();
