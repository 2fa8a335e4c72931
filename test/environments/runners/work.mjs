export function twice(x) {
  return 2 * x;
}

export function context() {
  return process.env.NODE_TEST_CONTEXT ?? process.env.TAP_CHILD_ID ?? 'none';
}
