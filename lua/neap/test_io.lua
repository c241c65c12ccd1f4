-- The fakes of a test file: what stands for files, programs, serial lines, Modbus units,
-- connections. What a script asks for and nothing stands for is an error that says what to fake.
local core, import = ...
local check = import("check")
local io = {}

-- what was asked for in vain, each once, in order
io.missing = {}

local function missing(asked, remedy)
	local text = ("%s is not faked: %s"):format(asked, remedy)
	if not io.missing[text] then
		io.missing[text] = true
		io.missing[#io.missing + 1] = text
	end
	core.raise(text, "NOFAKE")
end

local serve = {} -- kind -> function(...): what fake.lua asks for

-- A fake that is a function gives what it returns.
local function value_of(fake, ...)
	if type(fake) == "function" then
		return fake(...)
	end
	return fake
end

-- --- files ---

local files = {} -- path -> text, false (not there) or a function that gives one of them

local function put(path, content)
	files[path] = content
	core.test.feed("file", path)
end

-- file(path, text): it is there; file(path, false): it is not; file(path, function() ... end);
-- file(path) -> what is in it. A path that ends in "/" is all below that is not named itself.
function io.file(path, ...)
	check.argument("test.file", 1, path, "string")
	if select("#", ...) == 0 then
		return value_of(files[path])
	end
	local content = ...
	if type(content) == "number" then
		content = tostring(content)
	end
	if content ~= false and type(content) ~= "function" then
		check.value("test.file: argument 2", content, "string")
	end
	put(path, content)
end

-- The content, or false; `asked`: the function that the script called.
local function content_of(asked, path)
	local content = value_of(files[path])
	local folder = path
	while content == nil and folder ~= "" do
		folder = folder:match("^(.*/)[^/]*$") or ""
		content = value_of(files[folder], path)
		folder = folder:sub(1, -2)
	end
	if content == nil then
		missing(('%s("%s")'):format(asked, path), ('test.file("%s", "text") or test.file("%s", false)')
			:format(path, path))
	end
	return content
end

local function must_be_there(asked, path)
	local content = content_of(asked, path)
	if not content then
		core.raise(("%s: %s: No such file or directory"):format(asked, path), "ENOENT")
	end
	return content
end

serve["file.read"] = function(path)
	return must_be_there("file.read", path)
end

serve["file.exists"] = function(path)
	return content_of("file.exists", path) ~= false
end

serve["file.write"] = function(path, text)
	content_of("file.write", path)
	put(path, text)
end

serve["file.append"] = function(path, text)
	put(path, (content_of("file.append", path) or "") .. text)
end

serve["file.remove"] = function(path)
	must_be_there("file.remove", path)
	put(path, false)
end

serve["file.rename"] = function(from, to)
	put(to, must_be_there("file.rename", from))
	put(from, false)
end

serve["file.stat"] = function(path)
	local content = content_of("file.stat", path)
	return content and { kind = "file", size = #content, time = core.now() } or nil
end

-- What is right in the folder, of the files that are there.
serve["file.list"] = function(path)
	local names, seen = {}, {}
	local folder = path:gsub("/?$", "/")
	for name, content in pairs(files) do
		local inside = content ~= false and name:sub(1, #folder) == folder and
			name:match("^[^/]+", #folder + 1)
		if inside and not seen[inside] then
			seen[inside] = true
			names[#names + 1] = inside
		end
	end
	if #names == 0 then
		content_of("file.list", folder)
	end
	table.sort(names)
	return names
end

-- --- digital lines ---

local levels = {} -- name -> on?

-- gpio(name, on): an input's level; what it was before makes the edge. gpio(name) -> the level, of
-- an output too
function io.gpio(name, on)
	check.argument("test.gpio", 1, name, "string")
	if on == nil then
		return levels[name]
	end
	levels[name] = check.value("test.gpio: argument 2", on, "boolean")
	core.test.feed("gpio", name, on)
end

function serve.gpio(name, on)
	if levels[name] == nil then
		missing(("the gpio line %s"):format(name), ('test.gpio("%s", false)'):format(name))
	end
	if on ~= nil then
		levels[name] = on
	end
	return levels[name]
end

-- --- programs ---

local programs = {} -- { begins =, result = }, ...
local ran = {}

-- exec("wget -q", result): stands for command lines that begin so. A text is the output; a table
-- has out, err, status, signal, takes; false: there is no such program; or
-- function(line, input) -> one of them.
function io.exec(line, result)
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
function io.ran(line)
	local list = {}
	for _, one in ipairs(ran) do
		if one:sub(1, #line) == line then
			list[#list + 1] = one
		end
	end
	return list
end

-- The one of the list that says most of how the text begins.
local function best_of(list, text)
	local best
	for _, one in ipairs(list) do
		local begins = one.begins
		if text:sub(1, #begins) == begins and (not best or #begins > #best.begins) then
			best = one
		end
	end
	return best
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
function io.http(url, result)
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
function io.requests(url)
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
		files[request.file] = false
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
		files[request.file] = result.body or ""
	end
	return result.status or 200, result.headers or {}, result.body or ""
end

-- --- the agent ---

local agent

-- status(table): what agent.status() gives; or a function that gives it
function io.status(status)
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

-- --- what is written to and answers: serial lines, connections, datagrams ---

local lines = {} -- name -> { answers =, came = text, datagrams = {} }

local function speaker(what)
	return function(name, answers)
		check.argument(what, 1, name, "string")
		if type(answers) ~= "table" and answers ~= false then
			check.argument(what, 2, answers, "function")
		end
		lines[name] = { answers = answers, came = "", datagrams = {}, sent = {} }
	end
end

-- serial(port, answers), tcp("host:port", answers), udp("host:port", answers): answers is a table
-- from what is written to what comes back, or function(text) -> what comes back or nil; false: it
-- is not there.
io.serial = speaker("test.serial")
io.tcp = speaker("test.tcp")
io.udp = speaker("test.udp")

local function line_of(kind, name)
	local line = lines[name]
	if not line then
		missing(('%s "%s"'):format(kind, name), ('test.%s("%s", { ["question"] = "answer" })')
			:format(kind, name))
	end
	return line
end

-- What comes in unasked, or is said by another; from: the address of a datagram's sender.
function io.comes(name, text, from, port)
	local line = lines[check.argument("test.comes", 1, name, "string")]
	if not line then
		core.fail('test.comes: nothing is called "%s" yet: test.serial, test.tcp or test.udp first', name)
	end
	line.came = line.came .. check.argument("test.comes", 2, text, "string")
	table.insert(line.datagrams, { text, from or "192.0.2.1", port or 9 })
end

-- What scripts wrote to it, in order.
function io.wrote(name)
	local line = lines[name]
	return line and line.sent or {}
end

local function say(name, line, text)
	local answer
	line.sent[#line.sent + 1] = text
	if type(line.answers) == "function" then
		answer = line.answers(text)
	else
		answer = line.answers[text]
	end
	if answer then
		io.comes(name, answer)
	end
end

-- Where one of the texts ends first.
local function end_of(text, ends)
	local first
	for _, one in ipairs(ends) do
		local _, at = text:find(one, 1, true)
		if at and (not first or at < first) then
			first = at
		end
	end
	return first
end

-- Waits until found(line) gives how much is taken; that; nothing if it does not come in time.
local STEPS = 50

local function wait(line, timeout, found)
	local step = math.max(1, timeout // STEPS)
	for waited = 0, timeout, step do
		local len = found(line)
		if len then
			return len
		elseif waited + step <= timeout then
			core.sleep(step)
		end
	end
end

local function take(line, len)
	local text = line.came:sub(1, len)
	line.came = line.came:sub(len + 1)
	return text
end

function serve.serial(port, text, ends, count, gap, timeout, discard)
	local line = line_of("serial", port)
	if line.answers == false then
		core.raise(("cannot open %s: No such file or directory"):format(port), "ENOENT")
	end
	if discard then
		line.came = ""
	end
	if text ~= "" then
		say(port, line, text)
	end
	if #ends == 0 and count == 0 and gap == 0 then
		return ""
	end
	local len = wait(line, timeout, function()
		local came = line.came
		return end_of(came, ends) or count > 0 and #came >= count and count or
			gap > 0 and #came > 0 and #came or nil
	end)
	if not len and #line.came > 0 then
		core.raise(("%s: the answer is incomplete, %d bytes in %d ms: Connection timed out")
			:format(port, #line.came, timeout), "ETIMEDOUT")
	end
	return len and take(line, len) or core.raise(
		("%s: no answer in %d ms: Connection timed out"):format(port, timeout), "ETIMEDOUT")
end

serve["tcp.connect"] = function(name)
	if line_of("tcp", name).answers == false then
		core.raise(("cannot connect to %s: connection refused"):format(name), "ECONNREFUSED")
	end
end

serve["tcp.write"] = function(name, text)
	say(name, line_of("tcp", name), text)
end

serve["tcp.read"] = function(name, count, ends, limit, timeout)
	local line = line_of("tcp", name)
	local len = wait(line, timeout, function()
		local came = line.came
		if count > 0 then
			return #came >= count and count or nil
		elseif #ends > 0 then
			return end_of(came, ends)
		end
		return #came > 0 and math.min(#came, limit) or nil
	end)
	return len and take(line, len) or core.raise(
		("%s: no answer in %s"):format(name, core.duration_text(timeout)), "ETIMEDOUT")
end

serve["udp.send"] = function(name, text, address, port)
	local line = line_of("udp", name)
	if line.answers then
		say(name, line, text, address, port)
	end
end

serve["udp.receive"] = function(name, timeout)
	local line = line_of("udp", name)
	if wait(line, timeout, function() return line.datagrams[1] end) then
		return table.unpack(table.remove(line.datagrams, 1))
	end
	core.raise(("%s: nothing came in %s"):format(name, core.duration_text(timeout)), "ETIMEDOUT")
end

-- --- Modbus ---

local buses = {} -- port or "host:port" -> unit -> table -> address -> value
local places = { holding = "holding register", input = "input register", coils = "coil",
	inputs = "discrete input" }

-- modbus(name, { [unit] = { holding = { [address] = value }, input =, coils =, inputs = } }): the
-- units of a port or "host:port". Writes change the tables. A unit that is false is silent.
-- modbus(name) -> the units
function io.modbus(name, units)
	check.argument("test.modbus", 1, name, "string")
	if units == nil then
		return buses[name]
	end
	for unit, tables in pairs(check.argument("test.modbus", 2, units, "table")) do
		check.whole("test.modbus: the unit", unit, 0, 255)
		for kind in pairs(tables or {}) do
			check.choice("test.modbus: the table", kind, places)
		end
	end
	buses[name] = units
end

local function unit_of(name, unit, timeout)
	local units = buses[name]
	if not units then
		missing(('modbus "%s"'):format(name),
			('test.modbus("%s", { [%d] = { holding = { [0] = 1 } } })'):format(name, unit))
	elseif not units[unit] then
		core.sleep(timeout)
		core.raise(("unit %d on %s does not answer within %d ms"):format(unit, name, timeout),
			"ETIMEDOUT")
	end
	return units[unit]
end

function serve.modbus(name, kind, unit, address, timeout, values)
	local place = unit_of(name, unit, timeout)[kind] or {}
	local write = type(values) == "table"
	local last = address + (write and #values or values) - 1
	local result = {}
	for at = address, last do
		if place[at] == nil then
			local span = last > address and ("s %d to %d"):format(address, last) or " " .. address
			core.raise(("unit %d on %s refuses %s%s: illegal data address (it has no such place)")
				:format(unit, name, places[kind], span), "EREMOTEIO")
		end
		result[#result + 1] = place[at]
	end
	for i, value in ipairs(write and values or {}) do
		place[address + i - 1] = value
	end
	return not write and result or nil
end

-- --- the way from the scripts ---

local function answer(call, ok, ...)
	if ok then
		core.test.answer(call, true, ...)
		return
	end
	local why = ...
	local object = type(why) == "table" and why or { message = tostring(why), code = "ERROR" }
	if object.code == "ERROR" then
		-- not what the fake wanted to say: it broke
		io.missing[#io.missing + 1] = "a fake failed: " .. object.message
	end
	core.test.answer(call, false, object.message, object.code)
end

function io.serve(call, kind, ...)
	answer(call, pcall(serve[kind] or function()
		missing(kind, "there is no fake for it yet")
	end, ...))
end

-- For fakes: fail(text, code) is how a device says no.
function io.fail(text, code)
	core.raise(check.argument("test.fail", 1, text, "string"), code or "EIO")
end

return io
