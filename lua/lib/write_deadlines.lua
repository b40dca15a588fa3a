-- include call_in_chunks
-- Writes the new groups of deadlines and takes out those that were worked off; what is left
-- of one that was worked off in part goes back.
local function write_deadlines(b)
  local add = {}
  for sku, queue in pairs(b.due) do
    if queue.at <= #queue.ids then
      add[#add + 1] = 0
      add[#add + 1] = string.format('%s %013.0f %s', sku, queue.deadline,
        string.sub(queue.ids, queue.at))
    end
  end
  for sku, by_deadline in pairs(b.groups) do
    for deadline, ids in pairs(by_deadline) do
      add[#add + 1] = 0
      add[#add + 1] = string.format('%s %013.0f %s', sku, deadline, table.concat(ids))
    end
  end
  call_in_chunks('ZREM', b.key.deadlines, b.spent_groups)
  call_in_chunks('ZADD', b.key.deadlines, add)
end
