-- Register maps: machine:modbus{...}, variables that are read from a Modbus device without code.
local core, import = ...
local check = import("check")
local line = import("line")
local registers = import("registers")

local bits_only = { coils = true, inputs = true }
local whole_types = { u16 = true, s16 = true, s32 = true }

local tables = "holding|input|coils|inputs"
local variable_kinds = check.kinds("neap.register_variable", {
	reg = "integer", table = tables, type = "string", label = "string", unit = "string",
	policy = "string", report = "table", factor = "number",
}, registers.kinds)
local map_kinds = check.kinds("neap.modbus_options", {
	bus = "any", unit = "integer", every = "any", timeout = "duration = 10s",
	policy = "string = default", words = "big|little = big", table = tables .. " = holding",
	gap = "integer = 0", max = "integer", variables = "table",
})

local function type_of(entry, fields)
	if fields.type then
		return fields.type
	elseif not entry.format or fields.as == "bits" and (fields.bits or 1) == 1 and fields.bit then
		return "boolean"
	elseif fields.as == "string" then
		return "string"
	elseif fields.as == "bits" or whole_types[fields.as] and fields.scale == 1 and
		fields.offset == 0 then
		return "int"
	end
	return "double"
end

-- One variable of a map: where it is, what it means, and what the asset knows of it.
local function entry_of(what, name, given, map)
	what = ("%s: %s"):format(what, name)
	local fields = check.fields(what, given, variable_kinds)
	local entry = {
		name = name,
		table = fields.table or map.table,
		address = check.whole(what .. ": reg", fields.reg, 0, 65535),
		count = 1,
	}
	if not bits_only[entry.table] then
		fields.words = fields.words or map.words
		entry.format, entry.count = registers.format(what, fields)
	else
		for field in pairs(registers.kinds.kinds) do
			if given[field] ~= nil then
				core.fail("%s: %s is for registers, not for %s", what, field, entry.table)
			end
		end
	end
	entry.variable = {
		type = type_of(entry, fields), label = fields.label, unit = fields.unit,
		policy = fields.policy, report = fields.report, factor = fields.factor,
	}
	return entry
end

-- -> list of entries for each table
local function entries_of(what, map)
	local entries = {}
	for name, fields in pairs(map.variables) do
		check.value(what .. ": the name of a variable", name, "string")
		local entry = entry_of(what, name, fields, map)
		entries[entry.table] = entries[entry.table] or {}
		table.insert(entries[entry.table], entry)
	end
	return entries
end

-- Values that are not there (a meter's NaN for a phase that it does not have) are left out; told
-- once per change.
local function decode_all(span, list)
	local values = {}
	for _, entry in ipairs(span.entries) do
		local first = entry.address - span.address + 1
		local value, why = list[first]
		if entry.format then
			value, why = core.registers.decode(entry.format, list, first)
		end
		if why and not entry.odd then
			core.log("warn", ("%s: left out: %s"):format(entry.path, why))
		elseif entry.odd and not why then
			core.log("info", ("%s: has a value again"):format(entry.path))
		end
		entry.odd = why ~= nil
		values[entry.name] = value
	end
	return values
end

-- One query, and the variables that come with it: a group, with one time for all.
local function add_span(asset, map, span)
	local variables = {}
	for _, entry in ipairs(span.entries) do
		variables[entry.name] = entry.variable
	end
	asset:group({
		variables = variables, every = map.every, policy = map.policy,
		timeout = map.timeout and map.timeout / 1000,
		read = function()
			local list = map.bus[span.table](map.bus, map.unit, span.address, span.count)
			return decode_all(span, list)
		end,
	})
end

local function add_table(asset, id, what, map, name, entries)
	local addresses, counts = {}, {}
	for i, entry in ipairs(entries) do
		entry.path = ("%s.%s"):format(id, entry.name)
		addresses[i], counts[i] = entry.address, entry.count
	end
	local max = check.whole(what .. ": max", map.max or registers.max[name], 1, registers.max[name])
	local spans, why = core.registers.group(addresses, counts, max, map.gap)
	if not spans then
		core.fail("%s: %s", what, why)
	end
	for _, span in ipairs(spans) do
		local members = {}
		for i, index in ipairs(span[3]) do
			members[i] = entries[index]
		end
		add_span(asset, map, { table = name, address = span[1], count = span[2], entries = members })
	end
end

-- asset:modbus(options); id: the asset's
return function(asset, id, options)
	local what = ("modbus of asset %s"):format(id)
	local map = check.fields(what, options, map_kinds)
	local bus = line.own[map.bus]
	if not bus or bus.kind ~= "modbus" then
		core.fail("%s: it needs bus, as modbus.rtu or modbus.tcp gives it", what)
	elseif not map.variables or next(map.variables) == nil then
		core.fail("%s: it needs variables, a table of their names and registers", what)
	end
	check.whole(what .. ": unit", map.unit, 0, 255)
	check.whole(what .. ": gap", map.gap, 0, 125)
	local entries = entries_of(what, map)
	for name in tables:gmatch("%a+") do
		if entries[name] then
			add_table(asset, id, what, map, name, entries[name])
		end
	end
end
