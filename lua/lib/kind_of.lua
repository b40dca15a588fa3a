-- include whole
-- include decimal
-- include parse_lines
-- include stock_of
-- include state_refusal
-- What all holds of these lines and this TTL have in common, for most holds of a call are alike:
-- the refusal of all of them, and the parts of texts that are the same.
local function kind_of(b, text, ttl)
  local ttl_ms = ttl == '' and b.ttl_ms or whole(ttl, 'ttl_ms')
  if ttl_ms > b.ttl_ms then
    return { ttl = ttl, refusal = 'TTL_TOO_LONG ' .. b.ttl_ms }
  end
  local lines, stocks, units, may_fit = parse_lines(text), {}, 0, b.admit
  for i = 1, #lines do
    local stock, quantity = stock_of(b, lines[i][1]), lines[i][2]
    may_fit = may_fit and stock and quantity <= (stock.limit or quantity)
    stocks[i], units = stock, units + quantity
  end
  local expires = b.now + ttl_ms
  local times = decimal(b.now) .. ' ' .. decimal(expires)
  return {
    ttl = ttl, refusal = state_refusal(b), lines = lines, units = units,
    stocks = stocks, groups = {}, expires = expires,
    -- Where even somebody who has nothing can have none of them, `take_refusal` says why.
    may_fit = may_fit and units <= (b.limit or units),
    times = ' ' .. decimal(ttl_ms) .. ' ', text = ' ' .. text,
    event = ' ' .. times .. ' * ' .. text .. ' *', outcome = 'HELD ' .. times,
  }
end
