-- include next_group
-- include reservation_of
-- include is_due
-- include group_deadline
-- include end_hold
-- include read_ahead
-- Frees what is due on one SKU until `wanted` units of it are available, nothing more is
-- due, or the call's budget of looked-at holds is spent. Returns the SKU's nearest deadline
-- to come, or nil, and whether something due may be left.
local function free_due(b, sku, wanted)
  local queue = b.due[sku]
  if not queue then
    queue = { skip = 0, ids = {}, at = 1, read = 1 }
    b.due[sku] = queue
  end
  if b.skewed then
    return nil, false
  end
  while stock_of(b, sku).available < wanted do
    if queue.at > #queue.ids then
      local deadline, ids, member = next_group(b, sku, queue)
      if not deadline then
        return nil, false
      elseif deadline > b.now then
        return deadline, false
      elseif b.budget <= 0 then
        return nil, true
      end
      queue.skip = queue.skip + 1
      queue.ids, queue.at, queue.read, queue.deadline = ids, 1, 1, deadline
      b.spent_groups[#b.spent_groups + 1] = member
    elseif b.budget <= 0 then
      return nil, true
    end
    if queue.at >= queue.read then
      -- Each hold gives back a unit or more, so no more than these are needed.
      local count = math.min(b.budget, wanted - stock_of(b, sku).available, 100)
      read_ahead(b, queue.ids, queue.at, count)
      queue.read = queue.at + count
    end
    local rid = queue.ids[queue.at]
    queue.at = queue.at + 1
    b.budget = b.budget - 1
    local r = reservation_of(b, rid, '', '')
    if r and is_due(b, r) then
      end_hold(b, r, 'E', 'expired', '', '')
    elseif r and r.state == 'H' and r.expires <= b.opened_ms then
      group_deadline(b, sku, deadline_of(b, r), rid)
    end
  end
  return nil, false
end
