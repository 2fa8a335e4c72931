import 'multiproc';
