function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

function fail() {
  throw new TypeError('from the worker');
}

module.exports = { fib, fail };
