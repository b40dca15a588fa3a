-- Notes that a hold on a SKU ends at `deadline`. Holds of one call with one deadline share
-- one member of the sorted set, so that a hold costs its id and not a member of its own; and those
-- made in one millisecond share what tells it (see `pack_ids`). Returns their group.
local function group_deadline(b, sku, deadline, rid)
  local by_deadline = b.groups[sku]
  if not by_deadline then
    by_deadline = {}
    b.groups[sku] = by_deadline
  end
  local group, time, rest = by_deadline[deadline], string.sub(rid, 1, 8), string.sub(rid, 9)
  if not group then
    group = { '.' .. time, rest, time = time, n = 2 }
    by_deadline[deadline] = group
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
