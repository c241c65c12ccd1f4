-- exec{"program", "argument", ..., timeout=, ...} or exec("shell text", {timeout=, ...})
local core, import = ...
local check = import("check")
local environment = import("environment")

local kinds = check.kinds("neap.exec_options", {
	timeout = "duration = 10s", input = "string", limit = "size = 64KB", env = "table", cwd = "string",
	check = "boolean = true",
})

-- Texts go over as C strings.
local function text(what, value)
	if type(value) == "number" then
		value = tostring(value)
	end
	if check.value(what, value, "string"):find("\0", 1, true) then
		core.fail("%s must not hold a NUL", what)
	end
	return value
end

-- {"a", "b", timeout = 1} -> {"a", "b"}, {timeout = 1}
local function split(list)
	local args, options = {}, {}
	for key, value in pairs(list) do
		if math.type(key) == "integer" then
			args[key] = text(("exec: argument %d"):format(key), value)
		else
			options[key] = value
		end
	end
	local count = 0
	for _ in pairs(args) do
		count = count + 1
	end
	if count == 0 or count ~= #args then
		core.fail("exec: it needs a list of texts, the program first, none of them nil")
	end
	return args, options
end

local function variables(fields)
	local env = {}
	for name, value in pairs(fields or {}) do
		if type(name) ~= "string" or not name:find("^[%a_][%w_]*$") then
			core.fail('exec: env: "%s" is not the name of a variable', tostring(name))
		end
		env[name] = text("exec: env: " .. name, value)
	end
	return env
end

local function last_line(output)
	local line = output:match("([^\n]+)%s*$")
	return line and ": " .. line:sub(1, 300) or ""
end

return function(command, options)
	local args
	if type(command) == "string" then
		args = { "/bin/sh", "-c", text("exec: its text", command) }
	else
		if options ~= nil then
			core.fail("exec: the options belong into the same table as the program")
		end
		args, options = split(check.argument("exec", 1, command, "table"))
	end
	options = check.fields("exec", options, kinds)
	local status, signal, out, err = core.exec(args, environment(variables(options.env)),
		options.timeout, options.limit, options.input, options.cwd)
	local result = { status = status, out = out, err = err }
	if signal ~= 0 then
		result.status, result.signal = nil, signal
	end
	if options.check and status ~= 0 then
		core.raise(("exec: %s: exit status %d%s"):format(args[1], status, last_line(err)), "EXIT")
	elseif options.check and signal ~= 0 then
		core.raise(("exec: %s: was ended by signal %d%s"):format(args[1], signal, last_line(err)), "EXIT")
	end
	return result
end
