-- Declarations that change nothing: what `servers.declaration` declared, once more.
require "report"

local post, pipelines

function init(args)
  pipelines = tonumber(args[1])
  math.randomseed(thread_index + 1)
  post = posting("/pipeline")
end

function request()
  return post(string.format(
    '{"name":"benchmark %04d","pipeline_type_name":"benchmark","pipeline_metadata":'
      .. '{"owner":"data platform","priority":3},"freshness_number":1,"freshness_datepart":"day"}',
    math.random(pipelines)
  ))
end
