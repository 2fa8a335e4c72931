/** Before anything else of a child is loaded: it is no main process. */
import { markAsChild } from '../main-process.js';

markAsChild();
