-- include decimal
-- Writes a reservation as `state customer created expires order lines`: the form of the journal
-- and of answers.
local function pack_reservation(r)
  return r.state .. ' ' .. r.customer .. ' ' .. decimal(r.created) .. ' ' .. decimal(r.expires)
    .. ' ' .. r.order .. ' ' .. r.lines
end
