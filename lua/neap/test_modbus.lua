-- The fakes of a test file for Modbus units.
local core, import = ...
local check = import("check")
local io = import("test_io")
local fakes, serve, missing = io.fakes, io.serve, io.missing

local buses = {} -- port or "host:port" -> unit -> table -> address -> value
local places = { holding = "holding register", input = "input register", coils = "coil",
	inputs = "discrete input" }

-- modbus(name, { [unit] = { holding = { [address] = value }, input =, coils =, inputs = } }): the
-- units of a port or "host:port". Writes change the tables. A unit that is false is silent.
-- modbus(name) -> the units
function fakes.modbus(name, units)
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
