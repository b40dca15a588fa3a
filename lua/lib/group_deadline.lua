-- Notes that a hold on a SKU ends at `deadline`. Holds of one call with one deadline share
-- one member of the sorted set, so that a hold costs its id and not a member of its own.
local function group_deadline(b, sku, deadline, rid)
  local by_deadline = b.groups[sku]
  if not by_deadline then
    by_deadline = {}
    b.groups[sku] = by_deadline
  end
  local ids = by_deadline[deadline]
  if not ids then
    ids = {}
    by_deadline[deadline] = ids
  end
  ids[#ids + 1] = rid
end
