-- Calls a command with any number of arguments behind its key: `unpack` fails at about 8,000.
-- The first of them is `arguments[first]`, or the very first.
local CHUNK = 1000
local function call_in_chunks(command, key, arguments, first)
  for from = first or 1, #arguments, CHUNK do
    redis.call(command, key, unpack(arguments, from, math.min(from + CHUNK - 1, #arguments)))
  end
end
