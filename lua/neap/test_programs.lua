-- The fakes of a test file for programs, servers and the agent that runs the script.
local core, import = ...
local check = import("check")
local io = import("test_io")
local fakes, serve = io.fakes, io.serve
local missing, value_of, best_of = io.missing, io.value_of, io.best_of
local put = import("test_files")

-- --- programs ---

local programs = {} -- { begins =, result = }, ...
local ran = {}

-- exec("wget -q", result): stands for command lines that begin so. A text is the output; a table
-- has out, err, status, signal, takes; false: there is no such program; or
-- function(line, input) -> one of them.
function fakes.exec(line, result)
	check.argument("test.exec", 1, line, "string")
	if type(result) == "table" then
		check.fields("test.exec", result,
			{ out = "string", err = "string", status = "integer", signal = "integer", takes = "duration" })
	elseif result ~= false and type(result) ~= "function" then
		check.value("test.exec: argument 2", result, "string")
	end
	table.insert(programs, 1, { begins = line, result = result })
end

-- The command lines that began with `line`, in order.
function fakes.ran(line)
	local list = {}
	for _, one in ipairs(ran) do
		if one:sub(1, #line) == line then
			list[#list + 1] = one
		end
	end
	return list
end

function serve.exec(args, input, timeout)
	local shell = args[1] == "/bin/sh" and args[2] == "-c"
	local line = shell and args[3] or table.concat(args, " ")
	local program, began = best_of(programs, line), core.mono()
	if not program then
		missing(('exec "%s"'):format(line), ('test.exec("%s", "its output")')
			:format(line:match("^%S+")))
	end
	ran[#ran + 1] = line
	local result = value_of(program.result, line, input)
	if result == false then
		core.raise(("exec: %s: No such file or directory"):format(args[1]), "ENOENT")
	elseif type(result) == "string" then
		result = { out = result }
	end
	core.sleep(math.min(result.takes and core.duration(result.takes) or 0, timeout))
	if core.mono() - began >= timeout then
		core.raise(("exec: %s: took longer than %s"):format(args[1], core.duration_text(timeout)),
			"ETIMEDOUT")
	end
	return result.signal and -1 or result.status or 0, result.signal or 0, result.out or "",
		result.err or ""
end

-- --- HTTP ---

local servers = {} -- { begins =, result = }, ...
local asked = {}

-- http("https://host/path", result): stands for the URLs that begin so. A text is the body of a
-- good answer; a table has status, headers, body, takes; false: nobody answers; or
-- function(request) -> one of them; request: url, method, headers, body.
function fakes.http(url, result)
	check.argument("test.http", 1, url, "string")
	if type(result) == "table" then
		check.fields("test.http", result,
			{ status = "integer", headers = "table", body = "string", takes = "duration" })
	elseif result ~= false and type(result) ~= "function" then
		check.value("test.http: argument 2", result, "string")
	end
	table.insert(servers, 1, { begins = url, result = result })
end

-- The requests so far whose URLs began so: a list of { url =, method =, headers =, body = }.
function fakes.requests(url)
	local list = {}
	for _, request in ipairs(asked) do
		if request.url:sub(1, #url) == url then
			list[#list + 1] = request
		end
	end
	return list
end

-- The answer goes into the file that the request names.
function serve.http(request)
	local server, began = best_of(servers, request.url), core.mono()
	if not server then
		missing("http " .. request.url, ('test.http("%s", "the body")'):format(request.url))
	end
	asked[#asked + 1] = request
	if request.file then
		put(request.file, false)
	end
	local result = value_of(server.result, request)
	if result == false then
		return nil, "cannot connect: connection refused", "ECONNREFUSED"
	elseif type(result) == "string" then
		result = { body = result }
	end
	core.sleep(math.min(result.takes and core.duration(result.takes) or 0, request.timeout))
	if core.mono() - began >= request.timeout then
		return nil, "took longer than " .. core.duration_text(request.timeout), "ETIMEDOUT"
	elseif request.file then
		put(request.file, result.body or "")
	end
	return result.status or 200, result.headers or {}, result.body or ""
end

-- --- the agent ---

local agent

-- status(table): what agent.status() gives; or a function that gives it
function fakes.status(status)
	if type(status) ~= "function" then
		check.argument("test.status", 1, status, "table")
	end
	agent = status
end

serve["agent.status"] = function()
	local status = value_of(agent)
	if not status then
		missing("agent.status()", "test.status{ link = { state = ... } }")
	end
	return core.cjson.encode(status)
end
