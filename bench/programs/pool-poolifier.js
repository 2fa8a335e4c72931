// The worker of poolifier.
import { ThreadWorker } from 'poolifier';
import run from './pool-targets.js';

export default new ThreadWorker(run);
