-- Handles of serial lines and Modbus connections: what their options have in common.
local core, import = ...
local check = import("check")
local line = {}

local serial_kinds = check.kinds("neap.serial_options", {
	port = "string", speed = "integer = 9600", data = "integer = 8", stop = "integer = 1",
	parity = "none|even|odd = none", flow = "none|rts/cts|xon/xoff = none", rs485 = "boolean = false",
	timeout = "duration = 1s",
})

-- A serial line: kind "serial" or "rtu" -> the handle, its options
function line.serial(what, kind, options)
	options = check.fields(what, options, serial_kinds)
	if not options.port then
		core.fail('%s: it needs port, the path of a device such as "/dev/ttyUSB0"', what)
	end
	return core.bus.open(kind, options.port, 0, options.speed, options.data, options.stop,
		options.parity, options.flow, options.rs485), options
end

-- What scripts hold -> handle, name, timeout, kind ("serial" or "modbus").
local own = setmetatable({}, { __mode = "k" })
line.own = own

-- A function that makes such objects, of that class in meta.lua: with close(), which also the end
-- of a close variable calls.
function line.maker(kind, class, label, methods)
	function methods.close(object)
		core.bus.close(own[object].handle)
	end
	local meta = check.object(class, methods, function(object)
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
