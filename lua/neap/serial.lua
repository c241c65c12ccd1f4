-- serial.open{port=, speed=, ...}: exchanges with a serial device.
local core, import = ...
local check = import("check")
local line = import("line")

local read_kinds = check.kinds("neap.read_options", {
	ends = "any", count = "integer", gap = "duration", timeout = "duration",
})
local COUNT_MAX = 65536

local own = line.own
local methods = {}

local function exchange(what, object, text, options, discard)
	local self = own[object]
	options = check.fields(what, options, read_kinds)
	local ends = check.ends(what, options.ends)
	if #ends == 0 and not options.count and not options.gap then
		core.fail("%s: it needs count, ends or gap: how it knows the answer's end", what)
	elseif options.count and (options.count < 1 or options.count > COUNT_MAX) then
		core.fail("%s: count must be from 1 to %d, not %d", what, COUNT_MAX, options.count)
	end
	return core.bus.exchange(self.handle, text, ends, options.count or 0, options.gap or 0,
		options.timeout or self.timeout, discard)
end

function methods.write(object, text)
	local self = own[object]
	check.argument("serial:write", 1, text, "string")
	core.bus.exchange(self.handle, text, {}, 0, 0, self.timeout, false)
end

function methods.read(object, options)
	return exchange("serial:read", object, "", options, false)
end

function methods.transact(object, text, options)
	check.argument("serial:transact", 1, text, "string")
	return exchange("serial:transact", object, text, options, true)
end

local new = line.maker("serial", "neap.serial_line", "the serial line", methods)

return check.closed("serial", {
	open = function(options)
		local handle
		handle, options = line.serial("serial.open", "serial", options)
		return new(handle, options.port, options.timeout)
	end,
})
