/** Loaded before a program (`node --import`): it starts its processes by the method that STARTED_BY names. */
import { isMainProcess, type StartMethod, setStartMethod } from 'multiproc';

if (isMainProcess) setStartMethod(process.env.STARTED_BY as StartMethod, { force: true });
