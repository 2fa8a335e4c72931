// The worker of workerpool.
import workerpool from 'workerpool';
import * as targets from './pool-targets.js';

const { nothing, twice, echo, spin, allocate, mapTwice } = targets;
workerpool.worker({ nothing, twice, echo, spin, allocate, mapTwice });
