-- include deadline_of
-- Whether a held reservation's deadline has passed.
local function is_due(b, r)
  return r.state == 'H' and not b.skewed and deadline_of(b, r) <= b.now
end
