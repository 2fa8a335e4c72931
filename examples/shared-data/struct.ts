import { deserialize, SharedArray, Struct, serialize, Value } from 'multiproc';

const Point = Struct({ x: 'd', y: 'd' });
const Particle = Struct({ id: 'I', at: Point, charges: ['i', 3] });
console.log(Particle.size, Particle.offsets.at, Particle.offsets.charges); // → 40 8 24

const particles = new SharedArray(Particle, [{ id: 7, at: { x: 1, y: 2 } }, { charges: [1, 2, 3] }]);
for (const particle of particles) particle.at.x += 0.5;
console.log(particles[0]?.at.x, particles[1]?.charges.join()); // → 1.5 1,2,3

// Whoever gets it has the same memory, and the fields by their names.
const same = deserialize(serialize(particles)) as typeof particles;
console.log(same.at(0)?.id); // → 7

const origin = new Value(Point, [3, 4]);
origin.x = -3; // no lock is taken
const moved = origin.updateSync((p) => ({ x: p.x * 2, y: p.y * 2 })); // the lock is held meanwhile
console.log(moved.x, origin.y); // → -6 8

for (const each of [particles, same, origin]) each.close();
