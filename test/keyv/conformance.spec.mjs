// The public conformance suite of Keyv's storage adapters, and its tests of iterators, over one map in shared memory.
import suite, { keyvIteratorTests } from '@keyv/test-suite';
import Keyv from 'keyv';
import { SharedMap } from 'multiproc';
import { KeyvSharedMap } from 'multiproc/keyv';
import * as test from 'vitest';

const map = new SharedMap({ capacity: 1 << 20 });
test.afterAll(() => map.close());
const store = () => new KeyvSharedMap(map);

suite(test, Keyv, store);
keyvIteratorTests(test, Keyv, store);
