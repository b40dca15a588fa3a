-- include read_fields
-- What a hash of the drop has as its sentinel. If the caller wants more of it (`fields`, by the
-- hash's name, each with `!` in front) the same command reads that, into `found`.
local function sentinel_of(key, name, fields, found)
  local wanted, into = fields[name], found[name]
  if not wanted or not wanted[2] then
    return redis.call('HGET', key[name], '!')
  end
  read_fields(key[name], wanted, into)
  local sentinel = into['!']
  into['!'] = nil
  return sentinel
end
