-- include use_units
-- include list_reservation
-- include group_deadline
-- Holds lines for a customer, in memory. One who had nothing (false), as most of them, is not taken
-- apart: the text that Redis will have is written at once. `time` are the id's first characters.
local function hold_kind(b, kind, rid, time, customer_id, customer)
  local lines, stocks, groups = kind.lines, kind.stocks, kind.groups
  for i = 1, #stocks do
    local stock, line, group = stocks[i], lines[i], groups[i]
    local quantity = line[2]
    stock.available = stock.available - quantity
    stock.held = stock.held + quantity
    stock.changed = true
    if group and group.time == time then
      local n = group.n + 1
      group[n], group.n = string.sub(rid, 9), n
    else
      groups[i] = group_deadline(b, line[1], kind.expires, rid)
    end
    if customer then
      use_units(customer, line[1], quantity)
    end
  end
  if customer then
    customer.changed = true
    list_reservation(customer, rid)
  else
    local set, text = b.new_customers, lines.used .. rid .. ' '
    local n = #set
    set[n + 1], set[n + 2], b.customers[customer_id] = customer_id, text, text
  end
end
