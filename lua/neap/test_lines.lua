-- The fakes of a test file for digital and serial lines, connections and datagrams.
local core, import = ...
local check = import("check")
local io = import("test_io")
local fakes, serve, missing = io.fakes, io.serve, io.missing

-- --- digital lines ---

local levels = {} -- name -> on?

-- gpio(name, on): an input's level; what it was before makes the edge. gpio(name) -> the level, of
-- an output too
function fakes.gpio(name, on)
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
fakes.serial = speaker("test.serial")
fakes.tcp = speaker("test.tcp")
fakes.udp = speaker("test.udp")

local function line_of(kind, name)
	local line = lines[name]
	if not line then
		missing(('%s "%s"'):format(kind, name), ('test.%s("%s", { ["question"] = "answer" })')
			:format(kind, name))
	end
	return line
end

-- What comes in unasked, or is said by another; from: the address of a datagram's sender.
function fakes.comes(name, text, from, port)
	local line = lines[check.argument("test.comes", 1, name, "string")]
	if not line then
		core.fail('test.comes: nothing is called "%s" yet: test.serial, test.tcp or test.udp first', name)
	end
	line.came = line.came .. check.argument("test.comes", 2, text, "string")
	table.insert(line.datagrams, { text, from or "192.0.2.1", port or 9 })
end

-- What scripts wrote to it, in order.
function fakes.wrote(name)
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
		fakes.comes(name, answer)
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
