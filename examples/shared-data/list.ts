import { ShareableList } from 'multiproc';

// In Python: ShareableList(name='…') is this list, and back.
const list = new ShareableList(['pending', 0, 0.5, null, Buffer.from([1, 2])], { name: `example.list.${process.pid}` });

list.set(0, 'done'); // no longer than 8 bytes, the size of the slot
list.set(-2, true); // another type is fine if it fits
console.log(list.length, list.format); // → 5 8sqdxxxxxxx?8s
console.log(list.at(0), list.at(3), list.index(0.5)); // → done true 2

const same = new ShareableList(undefined, { name: list.name });
same.set(1, 5);
console.log(list.at(1), list.count(5)); // → 5 1

list.unlink();
list.close();
same.close();
