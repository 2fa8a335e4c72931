// What each typecode stands for, and how many bytes it takes.
import { typecodeToType } from 'multiproc';

for (const [code, { name, size }] of Object.entries(typecodeToType).sort()) console.log(code, name, size);
// → ? bool 1
// → B uint8 1
// → H uint16 2
// → I uint32 4
// → L uint64 8
// → Q uint64 8
// → b int8 1
// → c char 1
// → d float64 8
// → f float32 4
// → h int16 2
// → i int32 4
// → l int64 8
// → q int64 8
// → u wchar 4
