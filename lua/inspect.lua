--[[
Show a drop's counts together with the part of its journal that the caller's ledger lacks, as
they stand at one instant. Changes nothing.

KEYS[1] meta         hash    epoch, phase, seq, chain, durable_seq, progress_ms
KEYS[2] stock        hash    per SKU: available, held, sold (units), limit
KEYS[3] journal      stream  what every call changed, in order
ARGV[1] after        the journal id behind which to read: epoch-seq

Returns {{epoch, phase, seq, chain, durable_seq, progress_ms}, stock fields and values, entries}.
Journal: nothing.
]]
return {
  redis.call('HMGET', KEYS[1], 'epoch', 'phase', 'seq', 'chain', 'durable_seq',
    'progress_ms'),
  redis.call('HGETALL', KEYS[2]),
  redis.call('XRANGE', KEYS[3], '(' .. ARGV[1], '+'),
}
