-- include reservation_of
-- include is_due
-- include read_fields
-- Reads the next `count` reservations of a group, and the customers of those that are due, with
-- one command each: a command costs as much as what is done to a hold.
local function read_ahead(b, ids, at, count)
  local last = math.min(at + count - 1, #ids)
  local found = redis.call('HMGET', b.key.reservations, unpack(ids, at, last))
  local customers = {}
  for i = at, last do
    b.read_reservations[ids[i]] = found[i - at + 1]
    local r = reservation_of(b, ids[i], '', '')
    if r and is_due(b, r) and b.customers[r.customer] == nil then
      customers[#customers + 1] = r.customer
    end
  end
  read_fields(b.key.customers, customers, b.customers)
end
