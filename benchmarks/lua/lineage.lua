-- Declarations of lineage, 3 sources and 2 targets of one cluster of 100, by the pipelines from the first argument
-- to the second. With an even fourth argument all say what `declarations.content` says; else each says one thing
-- after another: what the fifth argument and the one after it stand for, in turn.
require "report"

local post, first, count, clusters, changing, variant, turn

local function address(number)
  return string.format(
    '{"name":"graph.public.t%06d","address_type_name":"benchmark","address_type_group_name":"database"}', number
  )
end

local function body(pipeline, kind)
  local from = (pipeline - 1) % clusters * 100
  local one, two, three = kind % 50 + 1, (kind + 7) % 50 + 1, (kind + 20) % 50 + 1
  local four, five = 51 + kind % 50, 51 + (kind + 11) % 50
  return '{"pipeline_id":' .. pipeline .. ',"source_addresses":[' .. address(from + one) .. ","
    .. address(from + two) .. "," .. address(from + three) .. '],"target_addresses":[' .. address(from + four)
    .. "," .. address(from + five) .. "]}"
end

-- Each thread has pipelines of its own, and comes back to one only after all the others.
function init(args)
  local last = tonumber(args[2])
  clusters, changing, variant = tonumber(args[3]), args[4] == "1", tonumber(args[5])
  count = math.floor((last - tonumber(args[1]) + 1) / tonumber(args[6]))
  first = tonumber(args[1]) + thread_index * count
  post, turn = posting("/address_lineage"), 0
end

function request()
  local pipeline = first + turn % count
  local cycle = math.floor(turn / count)
  turn = turn + 1
  return post(body(pipeline, changing and variant + cycle % 2 or 0))
end
