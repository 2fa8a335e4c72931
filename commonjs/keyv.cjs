module.exports = require('./load.cjs')('keyv/index');
