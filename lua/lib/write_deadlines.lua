-- include call_in_chunks
-- include pack_ids
-- include padded
-- Writes the new groups of deadlines and takes out those that were worked off; what is left
-- of one that was worked off in part goes back.
local function write_deadlines(b)
  local add, n = {}, 0
  for sku, queue in pairs(b.due) do
    if queue.at <= #queue.ids then
      add[n + 1] = '0'
      add[n + 2] = sku .. ' ' .. padded(queue.deadline) .. ' ' .. pack_ids(queue.ids, queue.at)
      n = n + 2
    end
  end
  for member, group in pairs(b.groups) do
    add[n + 1], add[n + 2] = '0', member .. table.concat(group)
    n = n + 2
  end
  call_in_chunks('ZREM', b.key.deadlines, b.spent_groups)
  call_in_chunks('ZADD', b.key.deadlines, add)
end
