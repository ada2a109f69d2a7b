-- Successful ends of the running executions 1 to the first argument, dealt to the threads in turn.
require "report"

local post, last, threads, id

exhausted = 0

function init(args)
  last, threads = tonumber(args[1]), tonumber(args[2])
  id = (tonumber(args[3]) or 1) + thread_index - threads
  post = posting("/end_pipeline_execution")
end

function request()
  id = id + threads
  if id > last then
    exhausted = 1
  end
  return post('{"id":' .. id .. ',"end_date":"2026-01-01T01:00:00Z","completed_successfully":true,'
    .. '"inserts":100,"updates":10,"soft_deletes":1,"total_rows":111}')
end
