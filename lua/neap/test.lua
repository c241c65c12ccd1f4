-- require "test", in a test file: cases, the clock, what the scripts do, and what should be.
local core, import = ...
local check = import("check")
local diff = import("diff")
local io = import("test_io")
local show = import("show")
local raw = core.test
local test = {}

local DAY_MS = 86400000

-- --- what the file declares ---

local scripts, config = {}, {} -- config: texts of YAML, and params by script
local cases = {}
local running -- the case; nil while the file loads

local function at_the_top(what)
	if running then
		core.fail("test.%s belongs at the top of the file; what is for one case is among its options",
			what)
	end
end

-- script("machine.lua", { params = {...}, config = "text of neap.yaml" }): what is tested; if left
-- out, the script of the file's name.
function test.script(name, options)
	at_the_top("script")
	name = check.argument("test.script", 1, name, "string"):gsub("%.lua$", "")
	options = check.fields("test.script", options, { params = "table", config = "string" })
	scripts[#scripts + 1] = name
	config[name] = options.params
	config[#config + 1] = options.config
end

local case_kinds = { params = "table", config = "string", at = "any", connected = "boolean" }

-- Seconds since 1970 of "2026-03-29 01:30", in UTC.
local function seconds(text)
	local y, m, d, hour, minute, second =
		tostring(text):match("^(%d%d%d%d)-(%d%d)-(%d%d)[ T]?(%d*):?(%d*):?(%d*)Z?$")
	if not y then
		core.fail('test.case: at must be text such as "2026-03-29 01:30", in UTC')
	end
	y, m, d = tonumber(y), tonumber(m), tonumber(d)
	-- days since 0000-03-01, by the years that begin in March
	y, m = m > 2 and y or y - 1, (m + 9) % 12
	local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + d - 1
	return (days - 719468) * 86400 + (tonumber(hour) or 0) * 3600 + (tonumber(minute) or 0) * 60 +
		(tonumber(second) or 0)
end

-- case(name, [{ params =, config =, at =, connected = },] function): each has a fresh world.
function test.case(name, options, run)
	at_the_top("case")
	check.argument("test.case", 1, name, "string")
	if run == nil then
		options, run = nil, options
	end
	check.argument("test.case", 2, run, "function")
	options = check.fields("test.case", options, case_kinds)
	cases[#cases + 1] = { name = name, options = options, run = run, where = core.where(),
		at = options.at and seconds(options.at) }
end

local function describe()
	local list = {}
	if #scripts == 0 then
		scripts[1] = raw.name:gsub("_test$", "")
	end
	for i, case in ipairs(cases) do
		local params, texts = {}, { table.unpack(config) }
		for _, name in ipairs(scripts) do
			params[name] = config[name]
		end
		params[scripts[1]] = case.options.params or params[scripts[1]]
		texts[#texts + 1] = case.options.config
		if next(params) then
			texts[#texts + 1] = "params: " .. core.cjson.encode(params)
		end
		list[i] = { name = case.name, scripts = scripts, config = table.concat(texts, "\n"),
			wall_ms = case.at and case.at * 1000 }
	end
	return #list > 0 and core.cjson.encode(list) or "[]"
end

-- --- failures ---

local failure = { __tostring = function(self) return self.text end }

-- Ends the case: with the place of the assertion, and what is wrong, in lines.
local function fail(what, details)
	local where = core.where()
	error(setmetatable({
		text = (where ~= "" and where .. ": " or "") .. what .. (details and "\n" .. details or ""),
	}, failure), 0)
end

function test.failed(why)
	fail(tostring(why))
end

-- --- the scripts and the clock ---

local started = false

-- The scripts begin, if they did not yet, and do what they do at the start; connected, unless the
-- case says otherwise.
function test.start()
	if not running then
		core.fail("there is nothing to see before a case runs")
	elseif started then
		return
	end
	started = true
	local problems = raw.start()
	if problems then
		fail("the script does not load:", problems)
	end
	if running.options.connected ~= false then
		raw.event("connected", "")
	end
	raw.advance(0)
end

-- advance("1h"): time passes, and all that is due happens.
function test.advance(duration)
	local ms = core.duration(duration)
	if not ms then
		check.duration("test.advance: the time", duration)
	end
	test.start()
	raw.advance(ms)
end

function test.connect()
	test.start()
	raw.event("connected", "")
	raw.advance(0)
end

function test.disconnect(reason)
	test.start()
	raw.event("disconnected", reason or "test")
	raw.advance(0)
end

-- The script is loaded anew and takes the old one's place, as by `neap reload`.
function test.reload(name)
	test.start()
	name = (name or scripts[1] or raw.name:gsub("_test$", "")):gsub("%.lua$", "")
	local problems = raw.reload(name)
	if problems then
		fail("the reload is refused:", problems)
	end
	raw.advance(0)
end

-- --- what left ---

-- last(path) -> the value sent last and its time; nil before there is one
function test.last(path)
	test.start()
	return raw.last(check.argument("test.last", 1, path, "string"))
end

-- samples(path) -> a list of { value =, time = }
function test.samples(path)
	test.start()
	return raw.samples(check.argument("test.samples", 1, path, "string"))
end

-- values(path) -> a list of the values
function test.values(path)
	local list = {}
	for i, sample in ipairs(test.samples(path)) do
		list[i] = sample.value
	end
	return list
end

-- count(path) -> how many samples; count() -> a table of that by path
function test.count(path)
	test.start()
	local seen = raw.seen()
	if path == nil then
		return seen
	end
	return seen[path] or 0
end

-- bad(path) -> does its read fail?
function test.bad(path)
	test.start()
	local bad = raw.bad(check.argument("test.bad", 1, path, "string"))
	if bad == nil then
		core.fail("test.bad: no script declares %s", path)
	end
	return bad
end

-- The samples and the log so far are behind us.
test.forget = raw.forget

-- log() -> a list of lines, "warn script.machine: text"
function test.log()
	local list = {}
	for line in raw.log_lines():gmatch("([^\n]+)") do
		list[#list + 1] = line
	end
	return list
end

-- --- tasks, by the way of the server's ---

local uids = 0

local function do_task(payload)
	test.start()
	local ok, outcome = core.guarded(DAY_MS, core.console.submit, payload)
	if not ok then
		fail("the task is not done within a day: " .. tostring(outcome))
	end
	local result = { status = "OK", values = {}, tasks = outcome.tasks, refused = outcome.refused,
		mended = outcome.mended }
	local why = { table.unpack(outcome.refused) }
	for _, value in ipairs(outcome.values) do
		result.values[value.path] = value.value
		result.value = value.value
	end
	for _, task in ipairs(outcome.tasks) do
		why[#why + 1] = task.message
		result.ack = task.ack or result.ack
	end
	if #why > 0 then
		result.status, result.message = "ERROR", table.concat(why, "; ")
	end
	raw.advance(0)
	return result
end

local function one(task, options)
	options = check.fields("test.task", options, { age = "duration", uid = "string" })
	uids = uids + 1
	task.uid = options.uid or ("test-%d"):format(uids)
	task.timestamp = math.floor(core.now() * 1000) - (options.age or 0)
	return do_task(core.cjson.encode({ task }))
end

-- Each gives { status = "OK" or "ERROR", message =, value =, values = { path = value }, ack = };
-- options: { age = "11m", uid = "..." }.
test.task = check.closed("test.task", {
	read = function(path, options)
		return one({ read = { check.argument("test.task.read", 1, path, "string") } }, options)
	end,
	write = function(path, value, options)
		check.argument("test.task.write", 1, path, "string")
		return one({ write = { { [path] = value } } }, options)
	end,
	command = function(path, params, options)
		local command = { id = check.argument("test.task.command", 1, path, "string") }
		if params ~= nil and next(check.argument("test.task.command", 2, params, "table")) ~= nil then
			command.params = params
		end
		return one({ command = command }, options)
	end,
	install = function(software, options)
		return one({ swinstall = check.argument("test.task.install", 1, software, "table") }, options)
	end,
	raw = function(payload)
		return do_task(check.argument("test.task.raw", 1, payload, "string"))
	end,
})

-- --- what should be ---

local function label(what, otherwise)
	return what and tostring(what) or otherwise
end

local function same(a, b)
	if a == b or a ~= a and b ~= b then
		return true
	elseif type(a) ~= "table" or type(b) ~= "table" then
		return false
	end
	for key, value in pairs(a) do
		if not same(value, b[key]) then
			return false
		end
	end
	for key in pairs(b) do
		if a[key] == nil then
			return false
		end
	end
	return true
end

function test.equal(got, expected, what)
	if not same(got, expected) then
		fail(label(what, "not equal"), diff(expected, got))
	end
end

-- near(got, expected, tolerance)
function test.near(got, expected, tolerance, what)
	check.argument("test.near", 3, tolerance, "number")
	local off = type(got) == "number" and math.abs(got - expected)
	if not off or off > tolerance or off ~= off then
		fail(label(what, "not near enough"), ("  expected %s, at most %s off\n  got      %s")
			:format(show(expected), show(tolerance), show(got)))
	end
end

function test.ok(value, what)
	if not value then
		fail(label(what, "not true"), "  got      " .. show(value))
	end
end

-- contains(text, part), matches(text, pattern)
local function finder(default, plain)
	return function(text, part, what)
		if type(text) ~= "string" or not text:find(part, 1, plain) then
			fail(label(what, default), ("  expected %s\n  in       %s"):format(show(part), show(text)))
		end
	end
end
test.contains = finder("the text is not in it", true)
test.matches = finder("the pattern does not match", false)

-- fails(function, text): it raises an error that has the text in it
function test.fails(run, text)
	check.argument("test.fails", 1, run, "function")
	local ok, why = pcall(run)
	if ok then
		fail("it raises no error", text and "  expected " .. show(text))
	end
	if text and not tostring(why):find(text, 1, true) then
		fail("it fails otherwise", ("  expected %s\n  got      %s"):format(show(text), tostring(why)))
	end
	return tostring(why)
end

-- accepted(outcome), refused(outcome, text): of a task
function test.accepted(outcome)
	if outcome.status ~= "OK" then
		fail("the task is refused", "  " .. tostring(outcome.message))
	end
	return outcome
end

function test.refused(outcome, text)
	if outcome.status ~= "ERROR" then
		fail("the task is not refused", "  it gave  " .. show(outcome.values))
	elseif text and not outcome.message:find(text, 1, true) then
		fail("the task is refused, but otherwise",
			("  expected %s\n  got      %s"):format(show(text), outcome.message))
	end
	return outcome
end

local function find_line(text)
	for _, line in ipairs(test.log()) do
		if line:find(text, 1, true) then
			return line
		end
	end
end

-- logged(text): a line of the log has the text in it; quiet(): no warning, no error is in it
function test.logged(text)
	return find_line(check.argument("test.logged", 1, text, "string")) or
		fail("it is not logged", "  expected " .. show(text))
end

function test.quiet()
	for _, line in ipairs(test.log()) do
		if line:find("^warn ") or line:find("^error ") then
			fail("the log has", "  " .. line)
		end
	end
end

-- --- running a case ---

local function caught(why)
	if getmetatable(why) == failure then
		return why.text
	end
	local stack = core.console.stack(why)
	local trace = stack[2]:gsub("\n", "\n  ")
	return stack[1] .. (trace ~= "" and "\n  " .. trace or "")
end

local function run(index)
	running = cases[index]
	-- guarded: an end by the limit on time passes through xpcall
	local got = table.pack(core.guarded(math.maxinteger - core.mono(), xpcall, running.run, caught))
	local why = {}
	if not got[1] then
		why[1] = tostring(got[2])
	elseif not got[2] then
		why[1] = got[3]
	end
	for _, text in ipairs(io.wanting) do
		why[#why + 1] = text
	end
	raw.finish(table.concat(why, "\n"))
end

raw.entries(describe, run, io.answer)

-- --- what a test file finds besides ---

for _, of in ipairs { "files", "programs", "lines", "modbus" } do
	import("test_" .. of)
end
for name, fake in pairs(io.fakes) do
	test[name] = fake
end

function _G.print(...)
	local parts = table.pack(...)
	for i = 1, parts.n do
		parts[i] = tostring(parts[i])
	end
	raw.say(table.concat(parts, "\t"))
end

import("undeclared")("a test file has no declarations: they belong into the script that it tests")
for _, name in ipairs { "file", "gpio", "http", "modbus", "serial", "tcp", "udp" } do
	_G[name] = check.closed(name, setmetatable({}, { __index = function()
		core.fail("a test file reaches no device: test.%s is what the script meets in its place", name)
	end }))
end
_G.exec = function()
	core.fail("a test file runs no program: test.exec is what the script meets in its place")
end

return check.closed("test", test)
