module.exports = require('./load.cjs')('posix/index');
