-- The console: what its chunks find besides a script's functions, and what is theirs no more.
local core, import = ...
local check = import("check")
local show = import("show")
local console = core.console

local LINES, BYTES = 2000, 200000
local FOREVER = 86400000

-- What the chunk that runs has said so far: a list of lines each.
local steps, output = {}, {}

local function put(list, text)
	list.bytes = (list.bytes or 0) + #text
	if #list < LINES and list.bytes < BYTES then
		list[#list + 1] = text
	elseif #list == LINES or list[#list] ~= "..." then
		list[#list + 1] = "..."
	end
end

local function step(name, format, ...)
	put(steps, ("  %-10s%s"):format(name, format:format(...)))
end

function _G.print(...)
	local parts = table.pack(...)
	for i = 1, parts.n do
		parts[i] = tostring(parts[i])
	end
	put(output, table.concat(parts, "\t"))
end

-- all(value): the whole of what is cut otherwise
function _G.all(value)
	put(output, show(value, true))
end

for name in pairs(import("later")) do
	_G[name] = import(name) -- completion finds what is there
end

-- --- what a script does and a console does not ---

import("undeclared")("declarations belong into a script; the console reads, writes and commands"
	.. " what scripts declare, by path")

-- --- tasks ---

-- The values, what came of the tasks, and the bodies.
local function show_outcome(outcome, left, values, errors)
	for _, value in ipairs(outcome.values) do
		step("datapoint", "%s = %s", value.path, show(value.value))
		step(left and "published" or "body", "%s", value.body)
		values[#values + 1] = value.value
	end
	for _, task in ipairs(outcome.tasks) do
		if task.status ~= "OK" then
			errors[#errors + 1] = task.message
		end
		step("outcome", "%s%s%s", task.status, task.message and ": " .. task.message or "",
			task.repeated and " (seen before, not done again)" or "")
		if left then
			step("ack", "%s", task.ack or "none: this dialect has no acknowledgements")
		end
	end
end

-- As the broker's: through intake, journal and turns; answers and acknowledgement leave.
local function do_it(raw, values, errors)
	local outcome = console.submit(raw)
	step("handler", "%.1f ms in all", outcome.took_ms)
	show_outcome(outcome, true, values, errors)
end

-- Its reads, in their turns too; nothing leaves.
local function try_it(tasks, values, errors)
	local reads, all = {}, true
	for _, task in ipairs(tasks) do
		local paths = {}
		for _, planned in ipairs(task.steps) do
			if not planned.ok then
				errors[#errors + 1] = planned.text
			elseif planned.kind == "read" then
				paths[#paths + 1] = planned.path
			else
				all = false
			end
		end
		if #paths > 0 then
			reads[#reads + 1] = { uid = task.uid, read = paths }
		end
	end
	if #reads > 0 then
		local outcome = console.try(core.cjson.encode(reads))
		step("handler", "%.1f ms in all", outcome.took_ms)
		show_outcome(outcome, false, values, errors)
		step("published", "no: the console is not armed")
	end
	if not all then
		step("stopped", "before the handler, the console is not armed: `:arm 5m` lets it run")
	end
end

-- Carries the payload out as far as it may be; the values, and the errors.
local function perform(raw)
	local preview, values, errors = console.preview(raw), {}, {}
	for _, text in ipairs(preview.refused) do
		step("refused", "%s", text)
		errors[#errors + 1] = text
	end
	for _, task in ipairs(preview.tasks) do
		for _, one in ipairs(task.steps) do
			step(one.ok and "decoded" or "refused", "%s", one.text)
		end
	end
	if not console.armed() then
		try_it(preview.tasks, values, errors)
	elseif #preview.tasks > 0 or #preview.refused > 0 then
		do_it(raw, values, errors)
	end
	return values, errors
end

local function uid()
	return ("console-%08x%08x"):format(math.random(0, 0xffffffff), math.random(0, 0xffffffff))
end

local function one(task)
	task.uid = uid()
	local values, errors = perform(core.cjson.encode({ task }))
	if #errors > 0 then
		error(table.concat(errors, "; "), 0)
	end
	return table.unpack(values, 1, math.min(#values, 1))
end

-- read(path) -> the value
function _G.read(path)
	return one({ read = { check.argument("read", 1, path, "string") } })
end

-- write(path, value) -> the value in force
function _G.write(path, value)
	check.argument("write", 1, path, "string")
	if value == nil then
		core.fail("write: argument 2 is missing: the value")
	end
	return one({ write = { { [path] = value } } })
end

-- command(path[, params])
function _G.command(path, params)
	check.argument("command", 1, path, "string")
	local task = { command = { id = path } }
	if params ~= nil and next(check.argument("command", 2, params, "table")) ~= nil then
		task.command.params = params
	end
	return one(task)
end

-- task(payload) -> true, or false and why: a payload as the server sends it
function _G.task(raw)
	local _, errors = perform(check.argument("task", 1, raw, "string"))
	if #errors > 0 then
		return false, table.concat(errors, "; ")
	end
	return true
end

-- --- chunks ---

-- The function; or nil and why. An expression is a chunk too.
local function compile(text)
	local chunk = core.load("return " .. text, "@console")
	if chunk then
		return chunk
	end
	return core.load(text, "@console")
end

local function caught(why)
	return console.stack(why)
end

local function answer(result)
	result.steps, result.output = table.concat(steps, "\n"), table.concat(output, "\n")
	steps, output = {}, {}
	console.finish(result)
end

local function run(text)
	steps, output = {}, {}
	local chunk, why = compile(text)
	if not chunk then
		answer({ ok = false, error = why, incomplete = why:match("<eof>$") ~= nil })
		return
	end
	-- guarded: an end by the limit on time passes through xpcall
	local got = table.pack(core.guarded(FOREVER, xpcall, chunk, caught))
	if not got[1] then
		answer({ ok = false, error = tostring(got[2]) })
	elseif not got[2] then
		answer({ ok = false, error = got[3][1], traceback = got[3][2] })
	else
		local results = {}
		for i = 3, got.n do
			results[i - 2] = show(got[i])
		end
		answer({ ok = got[3] ~= false, results = results })
	end
end

-- --- completion ---

local keywords = { read = "setting variable", write = "setting", command = "command" }

local function add_paths(list, text, kinds)
	for path, kind in pairs(console.paths()) do
		if path:sub(1, #text) == text and (not kinds or kinds:find(kind, 1, true)) then
			list[#list + 1] = path
		end
	end
end

-- The table that a chain such as "file." names, or nil; nothing of a script's runs for it.
local function resolve(chain)
	local value = _G
	for name in chain:gmatch("([%w_]+)[.:]") do
		local found
		for key, field in pairs(value) do
			if key == name then
				found = field
			end
		end
		value = found
		if type(value) ~= "table" then
			return type(value) == "string" and string or nil
		end
	end
	return value
end

local function add_fields(list, chain, text)
	for key in pairs(resolve(chain) or {}) do
		if type(key) == "string" and key:sub(1, #text) == text and key:sub(1, 1) ~= "_" then
			list[#list + 1] = chain .. key
		end
	end
end

-- complete(text) -> from where on (in bytes, from 0), what may stand there
local function complete(text)
	local list = {}
	local path = text:match("[\"']([%w_.-]*)$")
	local word = path or text:match("[%w_.:]*$")
	if path then
		local before = text:sub(1, #text - #path - 1)
		add_paths(list, path, keywords[before:match("(%a+)%s*%(?%s*$")])
	else
		local chain, name = word:match("^(.*[.:])([%w_]*)$")
		add_fields(list, chain or "", name or word)
	end
	table.sort(list)
	return #text - #word, list
end

console.entries(run, complete)
