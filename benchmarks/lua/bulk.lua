-- Executions that are over, as many in a request as the second argument says, over the pipelines from 1 to
-- the first; with external ids, new in every request, when the third is 1.
require "report"

local post, before, after, sent

local function record(pipeline, key)
  return '{"pipeline_id":' .. pipeline .. ',"start_date":"2026-01-01T00:00:00Z",'
    .. '"end_date":"2026-01-01T01:00:00Z","completed_successfully":true,"inserts":100,"updates":10,'
    .. '"soft_deletes":1,"total_rows":111,"watermark":"41","next_watermark":"42"' .. key .. "}"
end

function init(args)
  local pipelines, size, named = tonumber(args[1]), tonumber(args[2]), args[3] == "1"
  math.randomseed(thread_index + 1)
  local records = {}
  for number = 1, size do
    local key = named and ',"external_id":"' .. thread_index .. "-@-" .. number .. '"' or ""
    records[number] = record(math.random(pipelines), key)
  end
  before, after, sent = '{"executions":[' .. table.concat(records, ",") .. "]}", nil, 0
  post = posting("/pipeline_execution/bulk")
  if not named then
    after = post(before)
  end
end

function request()
  sent = sent + 1
  return after or post((before:gsub("@", sent)))
end
