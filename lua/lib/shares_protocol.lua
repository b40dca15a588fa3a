-- The protocol of these scripts, and the oldest with which they share drops.
local PROTOCOL, SHARES_FROM = 1, 1
-- Whether these scripts may use a drop that was built by scripts of protocol `built`, which
-- share drops from `built_from` on. Of two protocols the newer one decides. Drops from before there
-- were numbers are of the first.
local function shares_protocol(built, built_from)
  built, built_from = tonumber(built or '1') or 0, tonumber(built_from or '1') or 0
  if built > PROTOCOL then
    return PROTOCOL >= built_from
  end
  return built >= SHARES_FROM
end
