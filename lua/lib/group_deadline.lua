-- include padded
-- Notes that a hold on a SKU ends at `deadline`. Holds of one call with one deadline share
-- one member of the sorted set, so that a hold costs its id and not a member of its own; and those
-- made in one millisecond share what tells it (see `pack_ids`). Returns their group.
local function group_deadline(b, sku, deadline, rid)
  -- What its member of the sorted set begins with (see `next_group`).
  local groups, member = b.groups, sku .. ' ' .. padded(deadline) .. ' .'
  local group, time, rest = groups[member], string.sub(rid, 1, 8), string.sub(rid, 9)
  if not group then
    group = { time, rest, time = time, deadline = deadline, n = 2 }
    groups[member] = group
    return group
  end
  local n = group.n + 1
  if time ~= group.time then
    group.time, group[n] = time, '.' .. time
    n = n + 1
  end
  group[n], group.n = rest, n
  return group
end
