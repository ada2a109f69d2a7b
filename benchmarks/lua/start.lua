-- Starts: pipelines drawn from 1 to the first argument.
require "report"

local post, pipelines

function init(args)
  pipelines = tonumber(args[1])
  math.randomseed(thread_index + 1)
  post = posting("/start_pipeline_execution")
end

function request()
  return post('{"pipeline_id":' .. math.random(pipelines)
    .. ',"start_date":"2026-01-01T00:00:00Z","watermark":"41","next_watermark":"42"}')
end
