-- The environment: what is not there says what to use instead, and a global that nobody defined is
-- an error.
local core, import = ...
local check = import("check")
local log = import("log")

local absent = {
	[""] = {
		io = "use file.read, file.write and file.append",
		dofile = "use require, which finds modules in lib/ under the script folder",
		loadfile = "use require, which finds modules in lib/ under the script folder",
		package = "use require, which finds modules in lib/ under the script folder",
		debug = "errors carry file and line, and `log: { level: debug }` shows tracebacks",
	},
	os = {
		execute = "use exec{...}",
		exit = "return from the handler, or raise an error()",
		getenv = "use params{...}, and ${NAME} in neap.yaml",
		remove = "use file.remove",
		rename = "use file.rename",
		tmpname = "use file.write, which replaces a file as a whole",
		setlocale = "numbers and texts have no locale here",
	},
	string = { dump = "there is no bytecode here: pass the function itself" },
}

local function guard(name)
	local hints = absent[name]
	setmetatable(_G[name], {
		__index = function(_, key)
			if hints[key] then
				core.fail("%s.%s is not there: %s", name, key, hints[key])
			end
		end,
		__metatable = false,
	})
end

-- os: the time is the agent's, which may be virtual
_G.os = {
	clock = os.clock,
	difftime = os.difftime,
	date = function(format, time)
		return os.date(format or "%c", time or math.floor(core.now()))
	end,
	time = function(fields)
		return fields and os.time(fields) or math.floor(core.now())
	end,
}
guard("os")
rawset(string, "dump", nil)
guard("string")

-- text only: bytecode can break the interpreter
function _G.load(chunk, name, _, ...)
	local text = chunk
	if type(chunk) == "function" then
		local pieces = {}
		for piece in chunk do
			if piece == "" then
				break
			elseif type(piece) ~= "string" then
				return nil, "reader function must return a string"
			end
			pieces[#pieces + 1] = piece
		end
		text = table.concat(pieces)
	end
	check.argument("load", 1, text, "string")
	return core.load(text, name or text == chunk and text or "=(load)", ...)
end

function _G.collectgarbage(what)
	what = what or "collect"
	if what ~= "collect" and what ~= "count" and what ~= "step" then
		core.fail('collectgarbage("%s") is not there: memory is limited by scripts.memory in neap.yaml',
			what)
	end
	return collectgarbage(what)
end

_G.print = log.info
_G.warn = log.warn

-- require: lib/ under the script folder, and what is built in
local loaded, loading = { cjson = core.cjson }, {}
if rawget(core, "test") then
	setmetatable(loaded, { __index = function(_, name)
		return name == "test" and import("test") or nil
	end })
end

function _G.require(name)
	check.argument("require", 1, name, "string")
	if loaded[name] ~= nil then
		return loaded[name]
	end
	if ("." .. name):gsub("%.[%w_-]+", "") ~= "" then
		core.fail('require: "%s" is not a module name such as "util" or "vendor.meter"', name)
	end
	if loading[name] then
		core.fail('require: the module "%s" requires itself, through others', name)
	end
	local chunk, why, missing = core.module("lib/" .. name:gsub("%.", "/") .. ".lua")
	if missing then
		core.fail('require: there is no module "%s" in lib/ under the script folder and none is built in',
			name)
	elseif not chunk then
		core.fail("require: %s", why)
	end
	loading[name] = true
	local ok, value = xpcall(chunk, core.traceback, name)
	loading[name] = nil
	if not ok then
		error(value, 0)
	end
	loaded[name] = value == nil and true or value
	return loaded[name]
end

local later = import("later")

local function all_names()
	local names = {}
	for _, list in ipairs({ later, _G }) do
		for name in pairs(list) do
			names[name] = true
		end
	end
	return names
end

_G.dofile, _G.loadfile = nil, nil
setmetatable(_G, {
	__index = function(_, name)
		if later[name] then
			_G[name] = import(name)
			return _G[name]
		end
		local hint = absent[""][name]
		if hint then
			core.fail("%s is not there: %s", name, hint)
		end
		core.fail("nothing is called %s%s", tostring(name), check.meant(tostring(name), all_names()))
	end,
	__metatable = false,
})
