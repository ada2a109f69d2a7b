-- The last 50 executions of pipelines drawn from 1 to the first argument.
require "report"

local tail, pipelines

function init(args)
  pipelines = tonumber(args[1])
  math.randomseed(thread_index + 1)
  tail = "&limit=50 HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\n\r\n"
end

function request()
  return "GET /pipeline_execution?pipeline_id=" .. math.random(pipelines) .. tail
end
