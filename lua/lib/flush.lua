-- include write_journal
-- include pack_stock
-- include write_stock
-- include write_customers
-- include write_reservations
-- include write_deadlines
-- include write_keys
-- include reply
-- Writes what the batch changed, the journal first, and returns the reply. A batch without
-- an event writes nothing but groups of deadlines that turned out to be empty.
local function flush(b, outcomes)
  local stock = pack_stock(b)
  if #b.events > 0 then
    write_journal(b)
    write_stock(b, stock)
    write_customers(b)
    write_reservations(b)
    write_keys(b)
    redis.call('HSET', b.key.meta, 'seq', decimal(b.seq), 'chain', b.chain, 'latest_ms',
      decimal(b.now), unpack(b.meta_set))
    if b.tell then
      redis.call('PUBLISH', string.sub(b.key.meta, 1, -5) .. 'moved', decimal(b.seq))
    end
  end
  if #b.spent_groups > 0 or #b.events > 0 then
    write_deadlines(b)
  end
  return reply(b, outcomes)
end
