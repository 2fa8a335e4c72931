/** The logger: Python's levels and line format, silent until somebody listens. */
import { getLogger, LogLevel, type LogRecord, logToStderr } from 'multiproc';
import t from 'tap';
import { program } from './harness/program.js';

t.test('the logger has a name, no handlers at first, and drops what is below its level', async (t) => {
  const logger = getLogger();
  t.equal(logger, getLogger());
  t.equal(logger.name, 'multiprocessing');
  t.equal(logger.propagate, false);
  t.strictSame(logger.handlers, []);
  t.equal(logger.level, LogLevel.NOTSET);
  t.equal(logger.getEffectiveLevel(), LogLevel.WARNING);
  const records: LogRecord[] = [];
  const handler = (record: LogRecord) => records.push(record);
  logger.addHandler(handler);
  t.teardown(() => {
    logger.removeHandler(handler);
    logger.setLevel('NOTSET');
  });
  logger.info('below');
  logger.warning('shown');
  logger.setLevel(LogLevel.INFO);
  logger.debug('below');
  logger.info('%d of %s', 1, 'many');
  logger.log('ERROR', 'by name');
  logger.log(37, 'by number');
  t.strictSame(
    records.map(({ levelName, message }) => `${levelName} ${message}`),
    ['WARNING shown', 'INFO 1 of many', 'ERROR by name', 'Level 37 by number'],
  );
  t.equal(logger.isEnabledFor('INFO'), true);
  t.equal(logger.isEnabledFor(LogLevel.DEBUG), false);
  t.throws(() => logger.setLevel('LOUD' as never), TypeError);
  t.throws(() => logger.setLevel(1.5), TypeError);
  t.throws(() => logger.addHandler('stderr' as never), TypeError);
});

t.test('records carry the file and line of the caller, and who it is', async (t) => {
  const logger = getLogger();
  const records: LogRecord[] = [];
  const handler = (record: LogRecord) => records.push(record);
  logger.addHandler(handler);
  logger.setLevel('DEBUG');
  logger.info('1');
  logger.log('INFO', '2');
  logger.debug('3');
  logger.removeHandler(handler);
  logger.setLevel('NOTSET');
  const shown = records.map(({ levelName, fileName }) => [levelName, fileName.replace(/\.\w+$/, '')]);
  t.strictSame(shown, [
    ['INFO', 'logging.test'],
    ['INFO', 'logging.test'],
    ['DEBUG', 'logging.test'],
  ]);
  const [first, second] = records as [LogRecord, LogRecord];
  t.equal(second.line, first.line + 1);
  t.equal(first.processName, 'MainProcess');
  t.equal(first.pid, process.pid);
  t.type(logToStderr, 'function');
});

t.test('logToStderr writes lines, twice if called twice; a handler that throws disturbs nobody', async (t) => {
  const logging = program(t, 'logging');
  t.strictSame(await logging.ended, { code: 0, signal: null });
  t.strictSame(logging.stderr.split('\n').slice(0, 3), [
    '[WARNING/MainProcess] once',
    '[INFO/MainProcess] twice',
    '[INFO/MainProcess] twice',
  ]);
  t.match(logging.stderr, /handler .* failed: Error: as asked/);
  t.match(logging.stderr, /\[ERROR\/MainProcess\] all the same\n$/);
});
