-- include id_ms
-- Reads what `store_reservation` wrote, or the long form `state customer created expires order
-- lines` of older versions and of callers.
local function read_reservation(rid, text)
  local born = id_ms(rid)
  local state, created, ttl, customer, lines, order, mark =
    string.match(text, '^(%u)(%-?%d+) (%-?%d+) (%S+) (%S+) ?(%S*) ?(%d*)$')
  if state then
    created = born + created
    return {
      id = rid, state = state, customer = customer, created = created, expires = created + ttl,
      order = order ~= '' and order or '*', lines = lines, mark = mark,
    }
  end
  local expires
  state, customer, created, expires, order, lines, mark =
    string.match(text, '^(%u) (%S+) (%d+) (%d+) (%S+) (%S+) ?(%d*)$')
  return {
    id = rid, state = state, customer = customer, created = tonumber(created),
    expires = tonumber(expires), order = order, lines = lines, mark = mark,
  }
end
