-- include decimal
-- Gives the batch's events their seq and appends them to the journal as one entry, with a
-- chain: the digest over the chain before and these events. The entry's id is epoch and
-- last seq, so Redis itself refuses to take one twice. The token of the last rebuild is in the
-- digest because it goes with the epoch: nobody can try ids of customers on a chain for long.
local function write_journal(b)
  local previous = b.chain
  local events = table.concat(b.events, '\n')
  b.seq = b.seq + #b.events
  local seq, now = decimal(b.seq), decimal(b.now)
  b.chain = redis.sha1hex(
    previous .. '\n' .. b.epoch .. '\n' .. seq .. '\n' .. now .. '\n' .. b.token .. '\n' .. events)
  redis.call('XADD', b.key.journal, b.epoch .. '-' .. seq, 'v', '1', 'n', decimal(#b.events),
    'p', previous, 'c', b.chain, 't', now, 'e', events)
end
