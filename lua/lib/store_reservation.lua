-- include decimal
-- include id_ms
-- Writes a reservation as Redis keeps it: `state+created ttl customer lines`, and `order mark`
-- behind it once it has ended. The times are short: from the id's to when it was made, and from
-- there to its deadline. A one-line hold then fits the next smaller allocation but one.
local function store_reservation(r, mark)
  local text = r.state .. decimal(r.created - id_ms(r.id)) .. ' ' .. decimal(r.expires - r.created)
    .. ' ' .. r.customer .. ' ' .. r.lines
  return mark and text .. ' ' .. r.order .. ' ' .. mark or text
end
