-- What lies downstream of addresses drawn from 1 to the first argument, to the depth of the second.
require "report"

local tail, addresses

function init(args)
  addresses = tonumber(args[1])
  math.randomseed(thread_index + 1)
  tail = "&direction=downstream&depth=" .. args[2] .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\n\r\n"
end

function request()
  return "GET /address_lineage?address_id=" .. math.random(addresses) .. tail
end
