/** All classes whose objects may arrive in a child's arguments, whether or not the child's own modules import them. */
import '../../messaging/joinable-queue.js';
import '../../messaging/pipe.js';
import '../../messaging/queue.js';
import '../../messaging/simple-queue.js';
import '../../shared/array.js';
import '../../shared/memory.js';
import '../../shared/shareable-list.js';
import '../../shared/value.js';
import '../../sync/barrier.js';
import '../../sync/condition.js';
import '../../sync/event.js';
import '../../sync/lock.js';
import '../../sync/rlock.js';
import '../../sync/semaphore.js';
