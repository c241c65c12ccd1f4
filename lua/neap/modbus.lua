-- modbus.rtu{port=, ...}, modbus.tcp{host=, ...}: buses, and what is asked of them;
-- modbus.decode(), modbus.encode(): what registers mean.
local core, import = ...
local check = import("check")
local line = import("line")
local registers = import("registers")

local tcp_kinds = check.kinds("neap.modbus_tcp_options", {
	host = "string", port = "integer = 502", timeout = "duration = 1s",
})

local own = line.own
local methods = {}

local function address(what, unit, reg)
	check.whole(what .. ": argument 1, the unit,", unit, 0, 255)
	check.whole(what .. ": argument 2, the address,", reg, 0, 65535)
end

-- Reads go by the names of the tables: holding, input, coils, inputs.
for name, max in pairs(registers.max) do
	local what = "bus:" .. name
	methods[name] = function(object, unit, reg, count)
		local self = own[object]
		address(what, unit, reg)
		count = check.whole(what .. ": argument 3, the count,", count or 1, 1, max)
		return core.bus.query(self.handle, name, unit, reg, self.timeout, count, false)
	end
end

local function word(what, value)
	return check.whole(what, value, -32768, 65535) & 0xffff
end

local function bit(what, value)
	return check.value(what, value, "boolean")
end

-- One value, or, with `multiple`, a list of them.
local function writer(name, table_name, max, convert, multiple)
	local what = "bus:" .. name
	methods[name] = function(object, unit, reg, values)
		local self = own[object]
		address(what, unit, reg)
		if not multiple then
			values = { values }
		end
		check.argument(what, 3, values, "table")
		local list = {}
		for i, value in ipairs(values) do
			list[i] = convert(("%s: value %d"):format(what, i), value)
		end
		if #list < 1 or #list > max then
			core.fail("%s: argument 3 must be %s", what,
				multiple and ("a list of 1 to %d values"):format(max) or "a value")
		end
		core.bus.query(self.handle, table_name, unit, reg, self.timeout, list, multiple)
	end
end

writer("write_register", "holding", 1, word, false)
writer("write_registers", "holding", 123, word, true)
writer("write_coil", "coils", 1, bit, false)
writer("write_coils", "coils", 1968, bit, true)

local new = line.maker("modbus", "neap.modbus_bus", "the Modbus", methods)

return check.closed("modbus", {
	rtu = function(options)
		local handle
		handle, options = line.serial("modbus.rtu", "rtu", options)
		return new(handle, options.port, options.timeout)
	end,
	tcp = function(options)
		options = check.fields("modbus.tcp", options, tcp_kinds)
		if (options.host or "") == "" then
			core.fail("modbus.tcp: it needs host, a name or an address")
		end
		local port = check.whole("modbus.tcp: port", options.port, 1, 65535)
		local handle = core.bus.open("tcp", options.host, port, 0, 0, 0, nil, nil, false)
		return new(handle, ("%s:%d"):format(options.host, port), options.timeout)
	end,
	decode = registers.decode,
	encode = registers.encode,
})
