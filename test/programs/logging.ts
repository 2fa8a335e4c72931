/** Logs to stderr. */
import { getLogger, logToStderr } from 'multiproc';

const logger = logToStderr();
logger.info('below the level');
logger.warning('once');
if (logToStderr('INFO') !== logger) throw new Error('another logger');
logger.info('twice');
getLogger().handlers.shift();
getLogger().handlers.unshift(() => {
  throw new Error('as asked');
});
logger.error('all the same');
