-- Handles of serial lines and Modbus connections: what their options have in common.
local core, import = ...
local check = import("check")
local line = {}

local serial_kinds = {
	port = "string", speed = "integer", data = "integer", stop = "integer", parity = "string",
	flow = "string", rs485 = "boolean", timeout = "duration",
}
local choices = {
	parity = { none = true, even = true, odd = true },
	flow = { none = true, ["rts/cts"] = true, ["xon/xoff"] = true },
}

-- A serial line: kind "serial" or "rtu" -> the handle, its options
function line.serial(what, kind, options)
	options = check.fields(what, options, serial_kinds)
	if not options.port then
		core.fail('%s: it needs port, the path of a device such as "/dev/ttyUSB0"', what)
	end
	for name, known in pairs(choices) do
		check.choice(what .. ": " .. name, options[name] or "none", known)
	end
	options.timeout = options.timeout or 1000
	return core.bus.open(kind, options.port, 0, options.speed or 0, options.data or 0,
		options.stop or 0, options.parity, options.flow, options.rs485), options
end

-- What scripts hold -> handle, name, timeout, kind ("serial" or "modbus").
local own = setmetatable({}, { __mode = "k" })
line.own = own

-- A function that makes such objects: with close(), which also the end of a close variable calls.
function line.maker(kind, label, methods)
	function methods.close(object)
		core.bus.close(own[object].handle)
	end
	local meta = check.object(methods, function(object)
		return ("%s %s"):format(label, own[object].name)
	end)
	meta.__close = methods.close
	return function(handle, name, timeout)
		local object = setmetatable({}, meta)
		own[object] = { kind = kind, handle = handle, name = name, timeout = timeout }
		return object
	end
end

return line
