module.exports = require('./load.cjs')('redis/index');
