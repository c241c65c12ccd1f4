-- What the registers of a Modbus device hold.
local core, import = ...
local check = import("check")
local registers = {}

-- The tables of a device, and how much of each one query can read.
registers.max = { holding = 125, input = 125, coils = 2000, inputs = 2000 }

-- The fields of a format.
registers.kinds = check.kinds("neap.register_format", {
	as = "u16|s16|u32|s32|u64|s64|f32|f64|bits|string = u16", words = "big|little", bit = "integer",
	bits = "integer", registers = "integer", scale = "number = 1", offset = "number = 0",
})

-- -> the format, how many registers it takes
function registers.format(what, fields)
	local format, count = core.registers.format(fields.as, fields.words == "little",
		fields.bit or 0, fields.bits or (fields.bit and 1 or 0), fields.registers or 0,
		fields.scale, fields.offset)
	return format or core.fail("%s: %s", what, count), count
end

function registers.decode(list, fields)
	check.argument("modbus.decode", 1, list, "table")
	fields = check.fields("modbus.decode", fields, registers.kinds)
	local format, count = registers.format("modbus.decode", fields)
	if #list < count then
		core.fail("modbus.decode: it takes %d registers, and there are %d", count, #list)
	end
	local value, why = core.registers.decode(format, list, 1)
	if value == nil then
		core.raise("modbus.decode: " .. why, "EILSEQ")
	end
	return value
end

function registers.encode(value, fields)
	fields = check.fields("modbus.encode", fields, registers.kinds)
	local format = registers.format("modbus.encode", fields)
	local list, why = core.registers.encode(format, value)
	return list or core.fail("modbus.encode: %s", why)
end

return registers
