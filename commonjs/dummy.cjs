module.exports = require('./load.cjs')('dummy/index');
