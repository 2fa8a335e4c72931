import { RateLimiter } from 'multiproc';

// Ten requests a minute for each address, counted for all processes that name the limiter.
const limiter = new RateLimiter({ name: 'docs.limiter', points: 10, duration: 60_000 });

console.log(limiter.consume('192.0.2.1')); // → { allowed: true, remaining: 9, retryAfter: 0 }
limiter.consume('192.0.2.1', 9);
const { allowed, retryAfter } = limiter.consume('192.0.2.1');
console.log(allowed, retryAfter > 5000 && retryAfter <= 6000); // → false true

limiter.close();
RateLimiter.unlink('docs.limiter');
