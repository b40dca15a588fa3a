-- include unpack_ids
-- The next group of deadlines of a SKU that `flush` hasn't been told of: its deadline and
-- the list of ids, or nil. Members are `sku deadline ids`, all with score 0, so they stand
-- in the order of SKU and deadline.
local function next_group(b, sku, queue)
  local found = redis.call('ZRANGEBYLEX', b.key.deadlines, '[' .. sku .. ' ', '(' .. sku .. '!',
    'LIMIT', queue.skip, 1)
  local member = found[1]
  if not member then
    return nil
  end
  local deadline, ids = string.match(member, '^%S+ (%d+) (.*)$')
  return tonumber(deadline), unpack_ids(ids), member
end
